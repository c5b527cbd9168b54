// Profiles from a model description: a roofline over operator FLOPs and bytes whose constants
// (peak rates, bandwidths, efficiencies) are data files in resources/hardware.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/profile/profile.h"

namespace caracal::profile {

// What a layer is made of, beyond its sizes. The defaults are GPT-3's.
struct Architecture {
  int64_t kvHeads = 0;         // grouped-query attention; 0: as many as heads
  bool gatedMlp = false;       // SwiGLU: a `gate` beside fc1
  bool biases = true;          // of the linear layers
  bool rmsNorm = false;        // norms have a weight and no bias
  bool rotary = false;         // positions are rotations instead of learned vectors
  bool tiedEmbeddings = true;  // the head is the embedding, transposed
  int64_t experts = 0;         // 0: dense MLPs
  int64_t topK = 0;            // experts that each token visits; they are taken to be balanced
  int64_t moeEvery = 1;        // each so-manieth layer has experts
  int32_t expertParallel = 1;  // ranks over which a layer's experts are spread
  bool operator==(const Architecture&) const = default;
};

// A `--model` document: {"name", "layers", "hidden", "heads", "sequence", "vocabulary",
// "microBatchSize", "tp", "pp", "dp", "microBatches", "gpu", ...}; see docs/profile-format.md.
struct ModelDescription {
  std::string name;
  ModelShape shape;
  ParallelShape parallel;
  Architecture architecture;
  // Operator table: a name in resources/models/layers or a path; empty: "transformer".
  std::string table;
  // File stem in resources/hardware, or a path; empty: times must come from elsewhere.
  std::string gpu;
  // True: context ranks exchange heads for tokens around attention (DeepSpeed-Ulysses); false: they
  // gather keys and values.
  bool ulysses = false;
  bool fusedAttention = false;  // `attn` in place of scores softmax attn_dropout context
  // Parameters, gradients and optimizer state per parameter: 18 for bf16 with fp32 gradients and
  // Adam, 16 for the CPU backend (all fp32).
  double staticBytesPerParameter = 18;
  // True: 12 of these bytes (fp32 weights and Adam's moments) are spread over the ranks that hold
  // the same parameters: 6 + 12/d.
  bool distributedOptimizer = false;
  // Per element: 0 with Philox counters (Caracal's runtime), 1 in Megatron-LM.
  int64_t dropoutMaskBytes = 0;
  int64_t reserveBytes = 0;  // per GPU, counted in every peak: fragmentation, libraries
  // True: the backward all-reduces run beside the weight-gradient GEMMs, as in Megatron-LM, and
  // their windows shrink by them. False, as in Caracal's runtime: the whole transfer is a window.
  bool overlapsWeightGradients = false;
  bool operator==(const ModelDescription&) const = default;
};

// What a roofline needs of one kind of device and its links: resources/hardware/*.json, where every
// constant stands beside its public source.
struct Hardware {
  std::string name;
  double matrixFlops = 0;       // dense 16-bit FLOP/s at peak
  double matrixEfficiency = 0;  // reachable share for large GEMMs
  double memoryBytesPerSecond = 0;
  double memoryEfficiency = 0;
  int64_t memoryBytes = 0;
  int64_t launchNs = 0;  // floor of any operator
  Link tensorLink, pipelineLink, dataLink;
  Link hostLink;  // to host memory and back, each way; bandwidth 0: unknown
  // GPUs that tensorLink joins; larger groups talk over dataLink.
  int32_t gpusPerNode = 8;
  double kappa = 1, rho = 1;  // Profile::kappa, Profile::rho
  bool operator==(const Hardware&) const = default;
};

inline constexpr std::string_view kModelSchema = "caracal.model/1";
inline constexpr std::string_view kHardwareSchema = "caracal.hardware/1";

Result<ModelDescription> modelFromJson(std::string_view text);
std::string modelToJson(const ModelDescription& model);
// The path itself, or the name of a shipped example ("gpt-7b") from resources/models.
Result<ModelDescription> loadModel(const std::string& nameOrPath);
Result<Hardware> hardwareFromJson(std::string_view text);
// The path itself, or a name ("a100-80gb") from resources/hardware; see core/base/resources.h.
Result<Hardware> loadHardware(const std::string& nameOrPath);

// What operator tables need to be exact: sizes positive and divisible by heads and ranks, at least
// one layer for each stage. modelFromJson checks it.
Result<void> validate(const ModelDescription& model);

// A complete estimated profile: each operator takes max(FLOPs / (peak * efficiency), bytes moved /
// (bandwidth * efficiency), launch floor); collectives are rings over the link that their ranks
// share (roofline.cpp). Operators, bytes and dependencies: structureOf() in model_structure.h.
Result<Profile> profileFromModel(const ModelDescription& model, const Hardware& hardware);

}  // namespace caracal::profile
