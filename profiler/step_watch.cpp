#include "profiler/step_watch.h"

#include <charconv>

namespace caracal::profiler {
namespace {

constexpr std::string_view kCaracalStep = "step:";
constexpr std::string_view kPyTorchStep = "ProfilerStep#";

bool startsWith(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

int64_t numberIn(std::string_view text) {
  int64_t number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

StepWatch::Mark StepWatch::markIn(std::string_view label, bool isCaracalDomain) const {
  if (!m_marker.empty()) return {startsWith(label, m_marker) ? Source::kMarker : Source::kNone, 0};
  if (isCaracalDomain && startsWith(label, kCaracalStep))
    return {Source::kCaracal, numberIn(label.substr(kCaracalStep.size()))};
  if (startsWith(label, kPyTorchStep))
    return {Source::kPyTorch, numberIn(label.substr(kPyTorchStep.size()))};
  return {};
}

std::optional<int64_t> StepWatch::stepBegunBy(std::string_view label, bool isCaracalDomain) {
  const Mark mark = markIn(label, isCaracalDomain);
  if (mark.source == Source::kNone) return std::nullopt;
  const std::lock_guard lock(m_mutex);
  if (m_source == Source::kNone) m_source = mark.source;
  if (m_source != mark.source) return std::nullopt;
  const int64_t number = mark.source == Source::kMarker ? m_last + 1 : mark.number;
  if (number <= m_last) return std::nullopt;
  m_last = number;
  return number;
}

}  // namespace caracal::profiler
