#include "core/analysis/profiler_steps.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace caracal::analysis {

using trace::EventIndex;
using trace::kNoIndex;

ProfilerSteps::ProfilerSteps(const trace::Trace& trace)
    : m_trace(trace), m_steps(trace.ranks().size()) {
  constexpr std::string_view kPrefix = "ProfilerStep#";
  const std::string own = trace.metaOr(kStepAnnotationKey, "");
  for (const trace::Track& track : trace.tracks()) {
    for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      if (trace.kind(e) != trace::EventKind::kAnnotation) continue;
      const std::string_view name = trace.name(e);
      int32_t number = -1;
      if (!own.empty()) {
        if (name == own) m_steps[track.rank].push_back({trace.span(e), number});
        continue;
      }
      if (!name.starts_with(kPrefix)) continue;
      std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), number);
      m_steps[track.rank].push_back({trace.span(e), number});
    }
  }
  for (auto& steps : m_steps) {
    std::sort(steps.begin(), steps.end(),
              [](const Step& a, const Step& b) { return a.span.beginNs < b.span.beginNs; });
    if (own.empty()) continue;
    for (size_t i = 0; i < steps.size(); ++i) steps[i].number = static_cast<int32_t>(i);
  }
}

const std::vector<ProfilerSteps::Step>& ProfilerSteps::ofRank(uint32_t rankIndex) const {
  // One process may drive several devices: its threads belong to one of their ranks.
  const uint32_t hostRank = m_trace.ranks()[rankIndex].hostRank;
  return m_steps[hostRank == kNoIndex ? rankIndex : hostRank];
}

int32_t ProfilerSteps::stepAt(uint32_t rankIndex, int64_t timeNs) const {
  const std::vector<Step>& steps = ofRank(rankIndex);
  const auto after =
      std::upper_bound(steps.begin(), steps.end(), timeNs,
                       [](int64_t t, const ProfilerSteps::Step& s) { return t < s.span.beginNs; });
  if (after == steps.begin()) return -1;
  const Step& step = *std::prev(after);
  return timeNs < step.span.endNs ? step.number : -1;
}

int32_t ProfilerSteps::stepOf(uint32_t rankIndex, EventIndex event) const {
  const EventIndex launch = m_trace.launch(event);
  return launch == kNoIndex ? -1 : stepAt(rankIndex, m_trace.beginNs(launch));
}

}  // namespace caracal::analysis
