#include "core/analysis/annotation_names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>

namespace caracal::analysis {
namespace {

using trace::Pass;

constexpr std::array<std::string_view, static_cast<size_t>(Framework::kCount)> kNames{
    "unknown",
    "PyTorch profiler steps",
    "torch.distributed.pipelining",
    "Megatron-LM",
    "zero-bubble schedule",
    "DeepSpeed",
    "DualPipe",
    "FSDP or DDP",
    "NCCL"};

// Takes a number off the front of the text.
std::optional<int32_t> takeNumber(std::string_view& text) {
  int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// "PP:<stage><action><micro-batch>"; actions without a micro-batch end after the action.
std::optional<AnnotationMeaning> torchPipelining(std::string_view text) {
  if (!take(text, "PP:")) return std::nullopt;
  const auto stage = takeNumber(text);
  if (!stage) return std::nullopt;
  AnnotationMeaning meaning{Framework::kTorchPipelining, Pass::kNone, *stage, -1};
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
  if (!microBatch || !take(text, ".") || !takeNumber(text) || !take(text, ".") ||
      !takeNumber(text) || !text.empty())
    return std::nullopt;
  return AnnotationMeaning{Framework::kZeroBubble, kPasses[letter], -1, *microBatch};
}

// "attn(F)", "mlp(B)", "mlp(W)", "dispatch(F)", "combine(B)"
std::optional<AnnotationMeaning> dualPipe(std::string_view text) {
  static constexpr std::array kParts{"attn", "mlp", "dispatch", "combine"};
  for (const std::string_view part : kParts) {
    std::string_view rest = text;
    if (!take(rest, part)) continue;
    if (rest == "(F)") return AnnotationMeaning{Framework::kDualPipe, Pass::kForward, -1, -1};
    if (rest == "(B)") return AnnotationMeaning{Framework::kDualPipe, Pass::kBackward, -1, -1};
    if (rest == "(W)") return AnnotationMeaning{Framework::kDualPipe, Pass::kWeight, -1, -1};
  }
  return std::nullopt;
}

bool startsWithOneOf(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return text.starts_with(prefix); });
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

}  // namespace

std::string_view name(Framework framework) {
  return kNames[static_cast<size_t>(framework)];
}

AnnotationMeaning meaningOf(std::string_view name) {
  if (const auto meaning = torchPipelining(name)) return *meaning;
  if (const auto meaning = zeroBubble(name)) return *meaning;
  if (const auto meaning = dualPipe(name)) return *meaning;
  return {byPrefix(name), Pass::kNone, -1, -1};
}

}  // namespace caracal::analysis
