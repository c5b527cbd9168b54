#include "core/recorder/options.h"

#include <array>
#include <charconv>

namespace caracal::recorder {
namespace {

constexpr const char* kFolder = "CARACAL_RECORD_DIR";
constexpr const char* kSession = "CARACAL_RECORD_SESSION";
constexpr const char* kKinds = "CARACAL_RECORD_KINDS";
constexpr const char* kSteps = "CARACAL_RECORD_STEPS";
constexpr const char* kStepMarker = "CARACAL_RECORD_STEP_MARKER";
constexpr const char* kOverheadSteps = "CARACAL_RECORD_OVERHEAD_STEPS";
constexpr const char* kDurationMs = "CARACAL_RECORD_DURATION_MS";
constexpr const char* kFlushMs = "CARACAL_RECORD_FLUSH_MS";
constexpr const char* kAnchorMs = "CARACAL_RECORD_ANCHOR_MS";
constexpr const char* kCupti = "CARACAL_CUPTI";

constexpr std::array<std::pair<std::string_view, uint32_t>, 10> kKindNames{
    {{"kernel", kKindKernel},
     {"memcpy", kKindMemcpy},
     {"memset", kKindMemset},
     {"sync", kKindSync},
     {"overhead", kKindOverhead},
     {"nvtx", kKindNvtx},
     {"runtime", kKindRuntime},
     {"driver", kKindDriver},
     {"external", kKindExternal},
     {"graph", kKindGraph}}};

std::string joinedKinds(uint32_t kinds, std::string_view separator) {
  std::string text;
  for (const auto& [name, bit] : kKindNames) {
    if ((kinds & bit) == 0) continue;
    if (!text.empty()) text += separator;
    text += name;
  }
  return text;
}

// The whole of `text` as a number.
template <class Number>
bool parse(std::string_view text, Number& number) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return false;
  number = value;
  return true;
}

std::string_view valueOf(const EnvironmentLookup& lookup, const char* name) {
  const char* const value = lookup(name);
  return value ? std::string_view(value) : std::string_view();
}

}  // namespace

std::optional<uint32_t> kindsFromText(std::string_view text) {
  uint32_t kinds = 0;
  if (!text.empty() && text.front() == '+') {
    kinds = kDefaultKinds;
    text.remove_prefix(1);
  }
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view word = text.substr(0, comma);
    uint32_t bit = 0;
    for (const auto& [name, value] : kKindNames) {
      if (name == word) bit = value;
    }
    if (bit == 0) return std::nullopt;
    kinds |= bit;
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  if (kinds == 0) return std::nullopt;
  return kinds;
}

std::string kindsText(uint32_t kinds) {
  return joinedKinds(kinds, ",");
}

std::string allKindsText() {
  return joinedKinds(~0u, ", ");
}

std::optional<StepRange> stepRangeFromText(std::string_view text) {
  StepRange range;
  const size_t dash = text.find('-');
  if (!parse(text.substr(0, dash), range.first)) return std::nullopt;
  range.last = range.first;
  if (dash != std::string_view::npos && !parse(text.substr(dash + 1), range.last))
    return std::nullopt;
  if (range.first < 0 || range.last < range.first) return std::nullopt;
  return range;
}

std::vector<std::pair<std::string, std::string>> environmentFor(const RecordOptions& options) {
  std::vector<std::pair<std::string, std::string>> all{
      {kFolder, options.folder},
      {kSession, std::to_string(options.session)},
      {kKinds, kindsText(options.kinds)},
      {kStepMarker, options.stepMarker},
      {kOverheadSteps, std::to_string(options.overheadSteps)},
      {kDurationMs, std::to_string(options.durationMs)},
      {kFlushMs, std::to_string(options.flushMs)},
      {kAnchorMs, std::to_string(options.anchorMs)},
      {kCupti, options.cupti}};
  // Empty rather than left out: an outer recording's value must not be inherited.
  all.emplace_back(kSteps, options.steps ? std::to_string(options.steps->first) + "-" +
                                               std::to_string(options.steps->last)
                                         : std::string());
  return all;
}

std::optional<RecordOptions> optionsFrom(const EnvironmentLookup& lookup) {
  RecordOptions options;
  options.folder = valueOf(lookup, kFolder);
  if (options.folder.empty()) return std::nullopt;
  parse(valueOf(lookup, kSession), options.session);
  options.kinds = kindsFromText(valueOf(lookup, kKinds)).value_or(kDefaultKinds);
  options.steps = stepRangeFromText(valueOf(lookup, kSteps));
  options.stepMarker = valueOf(lookup, kStepMarker);
  parse(valueOf(lookup, kOverheadSteps), options.overheadSteps);
  parse(valueOf(lookup, kDurationMs), options.durationMs);
  parse(valueOf(lookup, kFlushMs), options.flushMs);
  parse(valueOf(lookup, kAnchorMs), options.anchorMs);
  options.cupti = valueOf(lookup, kCupti);
  return options;
}

bool collectsStep(const RecordOptions& options, int64_t step) {
  const int64_t first = options.steps ? options.steps->first : 0;
  if (step < first || (options.steps && step > options.steps->last)) return false;
  if (options.overheadSteps <= 0) return true;
  constexpr int64_t kBlocks = 6;  // on, off, on, off, on, off
  const int64_t block = (step - first) / options.overheadSteps;
  return block >= kBlocks || block % 2 == 0;
}

}  // namespace caracal::recorder
