// Which framework an annotation's name comes from, and what it says of a pass.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/trace/trace.h"

namespace caracal::analysis {

enum class Framework : uint8_t {
  kUnknown,
  kPyTorchSteps,      // "ProfilerStep#3"
  kPyTorchOptimizer,  // "Optimizer.step#Adam.step"
  kTorchPipelining,   // "PP:0F3", torch.distributed.pipelining's actions per stage and micro-batch
  kMegatron,          // Megatron-LM's --nvtx-ranges: paths of functions
  kZeroBubble,        // "F3.0.12", the zero-bubble fork's schedule nodes
  kDeepSpeed,         // "DeepSpeedEngine.forward", ...
  kDualPipe,          // "attn(F)", "combine(B)", ...
  kFsdp,              // "FSDP::all_gather (...)", DistributedDataParallel, ...
  kNccl,              // "nccl:all_reduce" of PyTorch, "ncclAllReduce" of NCCL's own NVTX domain
  kLightning,         // "[pl][profile][Strategy]DDPStrategy.training_step", ...
  kPassWords,         // "Forward stage 1 mb 3", "backward_step", "## forward ##": passes in words
  kCount
};
std::string_view name(Framework framework);  // "torch.distributed.pipelining", ...

struct AnnotationMeaning {
  Framework framework = Framework::kUnknown;
  trace::Pass pass = trace::Pass::kNone;
  int32_t stage = -1;  // pipeline stage that the name itself states; -1: it does not
  int32_t microBatch = -1;
  int32_t chunk = -1;  // model chunk of the rank
};

// The names are listed in docs/recording.md.
// What no rule matches whole is kUnknown: a name that merely looks alike is no evidence.
AnnotationMeaning meaningOf(std::string_view name);

}  // namespace caracal::analysis
