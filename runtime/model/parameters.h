// The parameters of one rank: weights, gradients and AdamW moments in four arrays of the same
// layout.
//
// A parameter's initial value is a function of the seed and of its place in the whole model, so
// every split of the model over ranks starts from the same weights.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/kernels/adamw.h"
#include "runtime/model/shape.h"

namespace caracal::model {

// Order of the parameters inside a layer, and inside the ends.
enum class LayerParameter : uint8_t {
  kLn1Gamma,
  kLn1Beta,
  kQkvWeight,
  kQkvBias,
  kProjWeight,
  kProjBias,
  kLn2Gamma,
  kLn2Beta,
  kFc1Weight,
  kFc1Bias,
  kFc2Weight,
  kFc2Bias,
};
enum class FirstParameter : uint8_t { kTokens, kPositions };
enum class LastParameter : uint8_t { kGamma, kBeta, kHead };

// One parameter as (outer, split, inner): a rank of the tensor-parallel group holds its share of
// `split`, or all of it.
struct ParameterSpec {
  std::string name;    // "layer3.qkv.weight"
  uint32_t place = 0;  // unique in the model
  int64_t outer = 1, split = 1, inner = 1;
  int64_t shards = 1;   // ranks that share `split`; 1: replicated
  int64_t shard = 0;    // this rank's
  float deviation = 0;  // of the initial values; 0: all are `constant`
  float constant = 0;
  bool decays = false;  // weight decay applies to matrices only
  int64_t offset = 0;   // into the arrays of the store

  int64_t count() const { return outer * (split / shards) * inner; }
  int64_t globalCount() const { return outer * split * inner; }
  // Index in the whole parameter of this rank's element `local`.
  int64_t globalIndex(int64_t local) const;
};

// Which layers a rank holds, rising: those of all its chunks.
struct HeldLayers {
  std::vector<int32_t> layers;
  int32_t ofModel = 0;  // layers in the whole model
  bool holdsFirstEnd() const { return layers.front() == 0; }
  bool holdsLastEnd() const { return layers.back() + 1 == ofModel; }
  size_t indexOf(int32_t layer) const;  // REQUIRES a layer of this rank
};

// The parameters of a rank, in the order of its arrays.
std::vector<ParameterSpec> parameterSpecs(const RankShape& shape, const HeldLayers& layers);
// Weights, gradients and both moments of them.
int64_t staticBytes(const std::vector<ParameterSpec>& specs);

// Where each parameter of a rank is in arrays that hold all of them.
class ParameterLayout {
 public:
  ParameterLayout(const RankShape& shape, const HeldLayers& layers)
      : m_layers(layers), m_specs(parameterSpecs(shape, layers)) {}

  const std::vector<ParameterSpec>& specs() const { return m_specs; }
  int64_t count() const;  // of numbers
  const ParameterSpec& at(int32_t layer,
                          LayerParameter which) const;  // REQUIRES a layer of this rank
  const ParameterSpec& at(FirstParameter which) const;
  const ParameterSpec& at(LastParameter which) const;

  struct Range {
    int64_t begin = 0, count = 0;
  };
  // Of one part of the model. REQUIRES a part of this rank.
  Range layer(int32_t layer) const;
  Range firstEnd() const;
  Range lastEnd() const;

 private:
  size_t firstSpecOf(int32_t layer) const;
  Range range(size_t firstSpec, size_t specs) const;

  HeldLayers m_layers;
  std::vector<ParameterSpec> m_specs;
};

class ParameterStore {
 public:
  ParameterStore(const RankShape& shape, const HeldLayers& layers, uint64_t seed);

  struct View {
    float* weight = nullptr;
    float* gradient = nullptr;
  };
  View at(int32_t layer, LayerParameter which);  // REQUIRES a layer of this rank
  View at(FirstParameter which);
  View at(LastParameter which);

  const std::vector<ParameterSpec>& specs() const { return m_layout.specs(); }
  std::span<const float> weights() const { return m_weights; }
  std::span<float> weights() { return m_weights; }
  std::span<float> gradients() { return m_gradients; }
  // Of AdamW.
  std::span<const float> moments1() const { return m_moment1; }
  std::span<float> moments1() { return m_moment1; }
  std::span<const float> moments2() const { return m_moment2; }
  std::span<float> moments2() { return m_moment2; }
  // Of one part of the model. REQUIRES a part of this rank.
  std::span<float> layerGradients(int32_t layer);
  std::span<float> firstEndGradients();
  std::span<float> lastEndGradients();
  int64_t bytes() const { return staticBytes(specs()); }

  // One AdamW update with the gradients gathered since the last one, which become zero. `update`
  // from 1.
  void update(const kernels::AdamwOptions& options, int32_t update);

 private:
  void initialise(const ParameterSpec& spec, uint64_t seed);
  View view(const ParameterSpec& spec);
  std::span<float> gradientsOf(ParameterLayout::Range range);

  ParameterLayout m_layout;
  std::vector<float> m_weights, m_gradients, m_moment1, m_moment2;
};

}  // namespace caracal::model
