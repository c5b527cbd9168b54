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
  std::string gpu;               // file stem in resources/hardware, or a path; empty: times must come from elsewhere
  bool fusedAttention = false;   // `attn` in place of scores softmax attn_dropout context
  // Parameters, gradients and optimizer state per parameter: 18 for bf16 with fp32 gradients and Adam,
  // 16 for the CPU backend (all fp32).
  double staticBytesPerParameter = 18;
  int64_t dropoutMaskBytes = 0;  // per element: 0 with Philox counters (Caracal's runtime), 1 in Megatron-LM
  int64_t reserveBytes = 0;
  bool operator==(const ModelDescription&) const = default;
};

struct Hardware {
  std::string name;
  double matrixFlops = 0;          // dense 16-bit FLOP/s at peak
  double matrixEfficiency = 0;     // reachable share for large GEMMs
  double memoryBytesPerSecond = 0;
  double memoryEfficiency = 0;
  int64_t memoryBytes = 0;
  int64_t launchNs = 0;            // floor of any operator
  Link tensorLink, pipelineLink, dataLink;
  bool operator==(const Hardware&) const = default;
};

Result<ModelDescription> modelFromJson(std::string_view text);
Result<ModelDescription> loadModel(const std::string& path);
// Searches the path itself, then resources/hardware beside the program and in the source tree.
Result<Hardware> loadHardware(const std::string& nameOrPath);

// The operator table of a dense GPT layer with activation and saved bytes after Korthikanti et al.
// (arXiv 2205.05198, eq. 1-6); times are zero.
LayerKind gptLayer(const ModelDescription& model);
ModelEnd gptFirst(const ModelDescription& model);
ModelEnd gptLast(const ModelDescription& model);

// A complete estimated profile.
Result<Profile> profileFromModel(const ModelDescription& model, const Hardware& hardware);

}  // namespace caracal::profile
