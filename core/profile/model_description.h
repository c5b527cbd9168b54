// Profiles from a model description: a roofline over operator FLOPs and bytes whose constants
// (peak rates, bandwidths, efficiencies) are data files in resources/hardware.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/profile/profile.h"

namespace caracal::profile {

// A `--model` document: {"name", "layers", "hidden", "heads", "sequence", "vocabulary",
// "microBatchSize", "tp", "pp", "dp", "microBatches", "gpu", ...}; see docs/profile-format.md.
struct ModelDescription {
  std::string name;
  ModelShape shape;
  ParallelShape parallel;
  std::string
      gpu;  // file stem in resources/hardware, or a path; empty: times must come from elsewhere
  bool fusedAttention = false;  // `attn` in place of scores softmax attn_dropout context
  // Parameters, gradients and optimizer state per parameter: 18 for bf16 with fp32 gradients and
  // Adam, 16 for the CPU backend (all fp32).
  double staticBytesPerParameter = 18;
  int64_t dropoutMaskBytes =
      0;  // per element: 0 with Philox counters (Caracal's runtime), 1 in Megatron-LM
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

// What the operator table needs to be exact: sizes positive and divisible by heads and tensor
// ranks, at least one layer for each stage. Every function below REQUIRES it; modelFromJson checks
// it.
Result<void> validate(const ModelDescription& model);

// The operator table of a dense GPT layer (contracts: docs/profile-format.md) with activation and
// saved bytes after Korthikanti et al. (arXiv 2205.05198, section 4): with 2-byte elements and
// 1-byte dropout masks the saved bytes and the layer's input add up to their equations. Times are
// zero. Collectives and windows exist only with more than one tensor-parallel rank.
LayerKind gptLayer(const ModelDescription& model);
ModelEnd gptFirst(const ModelDescription& model);
ModelEnd gptLast(const ModelDescription& model);

// A complete estimated profile: each operator takes max(FLOPs / (peak * efficiency), bytes moved /
// (bandwidth * efficiency), launch floor); collectives are ring all-reduces over the tensor link.
Result<Profile> profileFromModel(const ModelDescription& model, const Hardware& hardware);

}  // namespace caracal::profile
