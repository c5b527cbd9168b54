#include "core/analysis/annotation_names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <map>
#include <string>
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
    "NCCL",
    "passes named in words"};

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

// Functions that hold one whole pass. Those of modules are none: "TransformerLayer.forward" is a
// part.
std::optional<AnnotationMeaning> frameworkPass(std::string_view text) {
  using Entry = std::pair<std::string_view, AnnotationMeaning>;
  static const std::array<Entry, 5> kWhole{
      {{"DeepSpeedEngine.forward", {Framework::kDeepSpeed, Pass::kForward}},
       {"DeepSpeedEngine.backward", {Framework::kDeepSpeed, Pass::kBackward}},
       {"DeepSpeedEngine.step", {Framework::kDeepSpeed, Pass::kOptimizer}},
       {"DistributedDataParallel.forward", {Framework::kFsdp, Pass::kForward}},
       {"FullyShardedDataParallel.forward", {Framework::kFsdp, Pass::kForward}}}};
  for (const auto& [whole, meaning] : kWhole) {
    if (text == whole) return meaning;
  }
  if (text.ends_with(".schedules.forward_step"))
    return AnnotationMeaning{Framework::kMegatron, Pass::kForward};
  if (text.ends_with(".schedules.backward_step"))
    return AnnotationMeaning{Framework::kMegatron, Pass::kBackward};
  if (text.starts_with("Optimizer.step#"))
    return AnnotationMeaning{Framework::kPassWords, Pass::kOptimizer};
  return std::nullopt;
}

// Reads "Forward stage 1 mb 3" word by word; any word that it does not know, or a number too many,
// makes the whole unknown.
class WordReader {
 public:
  std::optional<AnnotationMeaning> read(std::string_view text) {
    while (!text.empty()) {
      const auto letter = static_cast<unsigned char>(text.front());
      if (std::isalpha(letter) != 0) {
        if (!takeWord(text)) return std::nullopt;
      } else if (std::isdigit(letter) != 0) {
        const auto number = takeNumber(text);
        if (!number || !store(*number)) return std::nullopt;
      } else if (kSeparators.find(text.front()) != std::string_view::npos) {
        text.remove_prefix(1);
      } else {
        return std::nullopt;
      }
    }
    const bool complete = m_next == nullptr || m_stored;
    if (m_meaning.pass == Pass::kNone || !complete) return std::nullopt;
    return m_meaning;
  }

 private:
  static constexpr std::string_view kSeparators = " _-:=#,()[]";

  bool takeWord(std::string_view& text) {
    std::string word;
    while (!text.empty() && std::isalpha(static_cast<unsigned char>(text.front())) != 0) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(text.front())));
      text.remove_prefix(1);
    }
    static const std::map<std::string, Pass> kPassWords{
        {"forward", Pass::kForward},       {"fwd", Pass::kForward},
        {"forwardpass", Pass::kForward},   {"forwardstep", Pass::kForward},
        {"backward", Pass::kBackward},     {"bwd", Pass::kBackward},
        {"backwardpass", Pass::kBackward}, {"backwardstep", Pass::kBackward},
        {"optimizer", Pass::kOptimizer}};
    if (const auto pass = kPassWords.find(word); pass != kPassWords.end()) {
      const bool first = m_meaning.pass == Pass::kNone;
      m_meaning.pass = pass->second;
      return first && expect(&m_meaning.microBatch);
    }
    if (word == "stage") return expect(&m_meaning.stage);
    if (word == "chunk") return expect(&m_meaning.chunk);
    if (word == "mb" || word == "microbatch") return expect(&m_meaning.microBatch);
    if (word == "micro")
      return take(text, "_batch") || take(text, "-batch") || take(text, " batch")
                 ? expect(&m_meaning.microBatch)
                 : false;
    // "forward_step", "backward pass": of a number behind them nobody knows what it counts.
    if (word == "step" || word == "pass" || word == "compute") {
      m_next = nullptr;
      return m_meaning.pass != Pass::kNone;
    }
    return false;
  }

  // The next number is this one. A pass without a number is fine, "stage" without one is not.
  bool expect(int32_t* field) {
    if (m_next != nullptr && !m_stored && m_next != &m_meaning.microBatch) return false;
    m_next = field;
    m_stored = field == &m_meaning.microBatch;
    return true;
  }

  bool store(int32_t number) {
    if (m_next == nullptr && m_meaning.pass == Pass::kNone) m_next = &m_meaning.microBatch;
    if (m_next == nullptr || *m_next >= 0) return false;
    *m_next = number;
    m_stored = true;
    return true;
  }

  AnnotationMeaning m_meaning{Framework::kPassWords};
  int32_t* m_next = nullptr;  // field of the next number
  bool m_stored = false;      // whether it has come, or need not
};

std::optional<AnnotationMeaning> passInWords(std::string_view text) {
  return WordReader().read(text);
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
