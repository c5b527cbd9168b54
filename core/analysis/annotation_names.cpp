#include "core/analysis/annotation_names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>

#include "core/analysis/pass_words.h"
#include "core/base/prefixes.h"

namespace caracal::analysis {
namespace {

using trace::Pass;

constexpr std::array<std::string_view, static_cast<size_t>(Framework::kCount)> kNames{
    "unknown",
    "PyTorch profiler steps",
    "PyTorch optimizers",
    "torch.distributed.pipelining",
    "Megatron-LM",
    "zero-bubble schedule",
    "DeepSpeed",
    "DualPipe",
    "FSDP or DDP",
    "NCCL",
    "PyTorch Lightning",
    "passes named in words"};

// "PP:<stage><action><micro-batch>"; actions without a micro-batch end after the action.
std::optional<AnnotationMeaning> torchPipelining(std::string_view text) {
  if (!take(text, "PP:")) return std::nullopt;
  const auto stage = takeNumber(text);
  if (!stage) return std::nullopt;
  AnnotationMeaning meaning{Framework::kTorchPipelining, Pass::kNone, *stage, -1, -1};
  // Longer actions first. I is the input gradient: what others wait for in the backward pass.
  static constexpr std::array<std::pair<std::string_view, Pass>, 12> kActions{
      {{"OVERLAP_F_B", Pass::kNone},
       {"SEND_F", Pass::kNone},
       {"RECV_F", Pass::kNone},
       {"SEND_B", Pass::kNone},
       {"RECV_B", Pass::kNone},
       {"UNSHARD", Pass::kNone},
       {"RESHARD", Pass::kNone},
       {"REDUCE_GRAD", Pass::kNone},
       {"F", Pass::kForward},
       {"B", Pass::kBackward},
       {"I", Pass::kBackward},
       {"W", Pass::kWeight}}};
  for (const auto& [action, pass] : kActions) {
    if (!take(text, action)) continue;
    meaning.pass = pass;
    if (text.empty()) return meaning;
    const auto microBatch = takeNumber(text);
    if (!microBatch || !text.empty()) return std::nullopt;
    meaning.microBatch = *microBatch;
    return meaning;
  }
  return std::nullopt;
}

// "<letter><micro-batch>.<chunk>.<sequence>"
std::optional<AnnotationMeaning> zeroBubble(std::string_view text) {
  if (text.empty()) return std::nullopt;
  static constexpr std::string_view kLetters = "FBWR";
  static constexpr std::array kPasses{Pass::kForward, Pass::kBackward, Pass::kWeight,
                                      Pass::kRecompute};
  const size_t letter = kLetters.find(text.front());
  if (letter == std::string_view::npos) return std::nullopt;
  text.remove_prefix(1);
  const auto microBatch = takeNumber(text);
  if (!microBatch || !take(text, ".")) return std::nullopt;
  const auto chunk = takeNumber(text);
  if (!chunk || !take(text, ".") || !takeNumber(text) || !text.empty()) return std::nullopt;
  return AnnotationMeaning{Framework::kZeroBubble, kPasses[letter], -1, *microBatch, *chunk};
}

// "attn(F)", "mlp(B)", "mlp(W)", "dispatch(F)", "combine(B)"
std::optional<AnnotationMeaning> dualPipe(std::string_view text) {
  static constexpr std::array kParts{"attn", "mlp", "dispatch", "combine"};
  for (const std::string_view part : kParts) {
    std::string_view rest = text;
    if (!take(rest, part)) continue;
    if (rest == "(F)") return AnnotationMeaning{Framework::kDualPipe, Pass::kForward};
    if (rest == "(B)") return AnnotationMeaning{Framework::kDualPipe, Pass::kBackward};
    if (rest == "(W)") return AnnotationMeaning{Framework::kDualPipe, Pass::kWeight};
  }
  return std::nullopt;
}

bool holds(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The rest of NCCL's own names is an API call: "ncclAllReduce", "ncclGroupStart".
bool isNcclCall(std::string_view text) {
  return text.starts_with("nccl:") || (text.size() > 4 && text.starts_with("nccl") &&
                                       std::isupper(static_cast<unsigned char>(text[4])) != 0 &&
                                       std::all_of(text.begin(), text.end(), [](unsigned char c) {
                                         return std::isalnum(c) != 0;
                                       }));
}

Framework byPrefix(std::string_view text) {
  if (text.starts_with("ProfilerStep#")) return Framework::kPyTorchSteps;
  if (startsWithOneOf(text, {"DeepSpeedEngine.", "PipelineEngine.", "DeepSpeedZeroOptimizer"}))
    return Framework::kDeepSpeed;
  if (startsWithOneOf(text, {"FSDP::", "DistributedDataParallel.", "FullyShardedDataParallel."}))
    return Framework::kFsdp;
  if (holds(text, "forward_backward_pipelining") || holds(text, "forward_backward_no_pipelining") ||
      holds(text, "P2PCommunicator.") || holds(text, "TransformerLayer._forward_"))
    return Framework::kMegatron;
  return isNcclCall(text) ? Framework::kNccl : Framework::kUnknown;
}

// "[pl][profile][Strategy]DDPStrategy.training_step": PyTorch Lightning's profiler names the call
// of each hook; training_step holds the forward work of one batch.
std::optional<AnnotationMeaning> lightning(std::string_view text) {
  if (!take(text, "[pl][profile]") && !take(text, "[pl][module]")) return std::nullopt;
  if (text.starts_with("[Strategy]")) {
    if (text.ends_with(".training_step"))
      return AnnotationMeaning{Framework::kLightning, Pass::kForward};
    if (text.ends_with(".backward"))
      return AnnotationMeaning{Framework::kLightning, Pass::kBackward};
  }
  return AnnotationMeaning{Framework::kLightning};
}

// Functions that hold one whole pass. Those of modules are none: "TransformerLayer.forward" is a
// part.
std::optional<AnnotationMeaning> frameworkPass(std::string_view text) {
  using Entry = std::pair<std::string_view, AnnotationMeaning>;
  static const std::array<Entry, 14> kWhole{
      {{"DeepSpeedEngine.forward", {Framework::kDeepSpeed, Pass::kForward}},
       {"DeepSpeedEngine.backward", {Framework::kDeepSpeed, Pass::kBackward}},
       {"DeepSpeedEngine.step", {Framework::kDeepSpeed, Pass::kOptimizer}},
       {"PipelineEngine._exec_forward_pass", {Framework::kDeepSpeed, Pass::kForward}},
       {"PipelineEngine._exec_backward_pass", {Framework::kDeepSpeed, Pass::kBackward}},
       {"PipelineEngine._exec_optimizer_step", {Framework::kDeepSpeed, Pass::kOptimizer}},
       // Names of DeepSpeed's timers; what is inside them ("bwd_inner_microstep") is a part.
       {"fwd_microstep", {Framework::kDeepSpeed, Pass::kForward}},
       {"bwd_microstep", {Framework::kDeepSpeed, Pass::kBackward}},
       {"step_microstep", {Framework::kDeepSpeed, Pass::kOptimizer}},
       {"DistributedDataParallel.forward", {Framework::kFsdp, Pass::kForward}},
       {"FullyShardedDataParallel.forward", {Framework::kFsdp, Pass::kForward}},
       {"loss.backward()", {Framework::kPassWords, Pass::kBackward}},
       {"opt.step()", {Framework::kPassWords, Pass::kOptimizer}},
       {"optimizer.step()", {Framework::kPassWords, Pass::kOptimizer}}}};
  for (const auto& [whole, meaning] : kWhole) {
    if (text == whole) return meaning;
  }
  if (const auto meaning = lightning(text)) return meaning;
  if (text.ends_with(".schedules.forward_step"))
    return AnnotationMeaning{Framework::kMegatron, Pass::kForward};
  if (text.ends_with(".schedules.backward_step"))
    return AnnotationMeaning{Framework::kMegatron, Pass::kBackward};
  if (text.starts_with("Optimizer.step#"))
    return AnnotationMeaning{Framework::kPyTorchOptimizer, Pass::kOptimizer};
  return std::nullopt;
}

}  // namespace

std::string_view name(Framework framework) {
  return kNames[static_cast<size_t>(framework)];
}

AnnotationMeaning meaningOf(std::string_view name) {
  if (const auto meaning = torchPipelining(name)) return *meaning;
  if (const auto meaning = zeroBubble(name)) return *meaning;
  if (const auto meaning = dualPipe(name)) return *meaning;
  if (const auto meaning = frameworkPass(name)) return *meaning;
  if (const Framework framework = byPrefix(name); framework != Framework::kUnknown)
    return {framework};
  return passInWords(name).value_or(AnnotationMeaning{});
}

}  // namespace caracal::analysis
