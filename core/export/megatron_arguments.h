// The flags that carry a plan into Megatron-LM's pretrain_gpt.py, and the check that its parser
// would take them and that they mean what we mean.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/export/megatron_projection.h"
#include "core/plan/plan.h"

namespace caracal::exporter {

// The commit of github.com/NVIDIA/Megatron-LM whose flags these are.
inline constexpr std::string_view kMegatronCommit = "d98e8a64ddf34856e74b24714e3bedb2f5a39553";

// One element per shell word: "--tensor-model-parallel-size", "2", ... Sizes, batch, partition and
// recomputation; the model's own shape stays with the job's flags.
std::vector<std::string> megatronArguments(const plan::Plan& plan,
                                           const MegatronRecompute& recompute);

// What the check needs of the job beside the flags.
struct MegatronJob {
  int32_t layers = 0;     // --num-layers of the job
  int32_t worldSize = 1;  // ranks it is started with
};

// Refuses what Megatron-LM's parser and validation refuse (the table in docs/export.md) and,
// because silence is worse than an error, what they accept without effect or without checking:
// recompute modules beside `full`, modules or layer counts without a granularity, counts outside a
// stage. Flags that no export writes are refused as unknown.
Result<void> checkMegatronArguments(const std::vector<std::string>& arguments,
                                    const MegatronJob& job);

}  // namespace caracal::exporter
