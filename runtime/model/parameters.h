// The parameters of one rank: weights, gradients and AdamW moments in four arrays of the same
// layout.
//
// A parameter's initial value is a function of the seed and of its place in the whole model, so
// every split of the model over ranks starts from the same weights.
#pragma once

#include <algorithm>
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
  // With sequence parallelism: this rank's gradient is a sum over its own rows, and that of the
  // parameter the sum over the tensor-parallel group.
  bool summedOverRows = false;
  int64_t offset = 0;  // into the arrays of the store

  int64_t count() const { return outer * (split / shards) * inner; }
  int64_t globalCount() const { return outer * split * inner; }
  // Index in the whole parameter of this rank's element `local`.
  int64_t globalIndex(int64_t local) const;
};

// How data-parallel replicas reduce the gradients of a rank, and share the optimizer's work.
struct Reductions {
  // Parts of the model (layers, plan::kFirstEnd, plan::kLastEnd) in the order in which backward
  // completes their gradients; empty: all are reduced at the end of the step.
  std::vector<int32_t> order;
  // Parts are joined until a bucket has as many parameters, and reduced together; 0: each alone.
  int64_t bucketParameters = 0;
  // Replicas that keep the optimizer's state of a part of every bucket each, and update that
  // (ZeRO-1: Rajbhandari et al., arXiv 1910.02054); 1: each keeps and updates all.
  int32_t stateShards = 1;
};

// Which layers a rank holds, rising: those of all its chunks.
struct HeldLayers {
  std::vector<int32_t> layers;
  int32_t ofModel = 0;  // layers in the whole model
  Reductions reductions{};
  bool holdsFirstEnd() const { return layers.front() == 0; }
  bool holdsLastEnd() const { return layers.back() + 1 == ofModel; }
  size_t indexOf(int32_t layer) const;  // REQUIRES a layer of this rank
};

// The parameters of a rank, in the order of its arrays.
std::vector<ParameterSpec> parameterSpecs(const RankShape& shape, const HeldLayers& layers);

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

// Parameters whose gradients are reduced together.
struct Bucket {
  std::vector<ParameterLayout::Range> ranges;  // rising; what is reduced is one behind the other
  int64_t count = 0;
  int32_t completedBy = 0;  // the part of the model whose gradients complete it
};
// All parameters of a rank, in the order in which buckets are complete. The last one may be small.
std::vector<Bucket> bucketsOf(const ParameterLayout& layout, const Reductions& reductions);

// Parameters whose moments a rank keeps.
struct OwnedRange {
  int64_t begin = 0, count = 0;  // in arrays that hold all parameters
  int64_t state = 0;             // where they begin in arrays of moments
};
// Those of a replica: its part of each bucket (comm::partOf()).
std::vector<OwnedRange> ownedRanges(const std::vector<Bucket>& buckets, int32_t replica,
                                    int32_t stateShards);

// visit(begin, count, state), as in OwnedRange, for what is owned of a parameter.
template <class Visit>
void forEachOwned(const ParameterSpec& spec, const std::vector<OwnedRange>& owned, Visit&& visit) {
  for (const OwnedRange& range : owned) {
    const int64_t begin = std::max(spec.offset, range.begin);
    const int64_t end = std::min(spec.offset + spec.count(), range.begin + range.count);
    if (begin < end) visit(begin, end - begin, range.state + begin - range.begin);
  }
}

// Numbers in each array of moments: as many for every replica.
int64_t stateCount(const std::vector<Bucket>& buckets, int32_t stateShards);
// Weights and gradients of all parameters, both moments of the rank's part of them; equal for all
// replicas.
int64_t staticBytes(const ParameterLayout& layout, const Reductions& reductions);

class ParameterStore {
 public:
  // `replica`: whose part of the moments this is.
  ParameterStore(const RankShape& shape, const HeldLayers& layers, uint64_t seed,
                 int32_t replica = 0);

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
  const std::vector<Bucket>& buckets() const { return m_buckets; }
  const std::vector<OwnedRange>& owned() const { return m_owned; }
  // Of AdamW, for what owned() lists.
  std::span<const float> moments1() const { return m_moment1; }
  std::span<float> moments1() { return m_moment1; }
  std::span<const float> moments2() const { return m_moment2; }
  std::span<float> moments2() { return m_moment2; }
  int64_t bytes() const;

  // One AdamW update of what owned() lists, with the gradients gathered since the last one; all
  // gradients become zero. `update` from 1.
  void update(const kernels::AdamwOptions& options, int32_t update);

 private:
  void initialise(const ParameterSpec& spec, uint64_t seed);
  View view(const ParameterSpec& spec);

  ParameterLayout m_layout;
  std::vector<Bucket> m_buckets;
  std::vector<OwnedRange> m_owned;
  std::vector<float> m_weights, m_gradients, m_moment1, m_moment2;
};

}  // namespace caracal::model
