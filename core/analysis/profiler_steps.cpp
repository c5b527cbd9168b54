#include "core/analysis/profiler_steps.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "core/analysis/step_names.h"
#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::kNoIndex;
using trace::Trace;
using trace::Track;
using Steps = std::vector<ProfilerSteps::Step>;

template <class Visit>  // (rank index, event)
void forEachAnnotation(const Trace& trace, const std::stop_token& stop, Visit visit) {
  for (const Track& track : trace.tracks()) {
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      if (trace.kind(e) == trace::EventKind::kAnnotation) visit(track.rank, e);
    }
  }
}

void sortByBegin(std::vector<Steps>& ofRanks) {
  for (Steps& steps : ofRanks) {
    std::stable_sort(steps.begin(), steps.end(),
                     [](const ProfilerSteps::Step& a, const ProfilerSteps::Step& b) {
                       return a.span.beginNs < b.span.beginNs;
                     });
  }
}

bool empty(const std::vector<Steps>& ofRanks) {
  return std::all_of(ofRanks.begin(), ofRanks.end(), [](const Steps& s) { return s.empty(); });
}

// One after the other, with rising numbers.
bool isSequence(const Steps& steps) {
  for (size_t i = 1; i < steps.size(); ++i) {
    if (steps[i].span.beginNs < steps[i - 1].span.endNs || steps[i].number <= steps[i - 1].number)
      return false;
  }
  return true;
}

int64_t lengthOf(const std::vector<Steps>& ofRanks) {
  int64_t lengthNs = 0;
  for (const Steps& steps : ofRanks) {
    for (const ProfilerSteps::Step& step : steps) lengthNs += step.span.lengthNs();
  }
  return lengthNs;
}

}  // namespace

ProfilerSteps::ProfilerSteps(const Trace& trace, const std::stop_token& stop) : m_trace(trace) {
  const std::string own = trace.metaOr(kStepAnnotationKey, "");
  if (!own.empty()) {
    m_steps = stepsNamed(own, stop);
    m_foundBy = "hint: " + own;
    return;
  }
  m_steps = profilerSteps(stop);
  if (!empty(m_steps)) {
    m_foundBy = "annotations ProfilerStep#N";
    return;
  }
  m_steps = numberedSteps(stop);
}

ProfilerSteps::StepsOfRanks ProfilerSteps::stepsNamed(std::string_view name,
                                                      const std::stop_token& stop) const {
  StepsOfRanks steps(m_trace.ranks().size());
  forEachAnnotation(m_trace, stop, [&](uint32_t rank, EventIndex e) {
    if (m_trace.name(e) == name) steps[rank].push_back({m_trace.span(e), -1});
  });
  sortByBegin(steps);
  for (Steps& ofRank : steps) {
    for (size_t i = 0; i < ofRank.size(); ++i) ofRank[i].number = static_cast<int32_t>(i);
  }
  return steps;
}

ProfilerSteps::StepsOfRanks ProfilerSteps::profilerSteps(const std::stop_token& stop) const {
  constexpr std::string_view kPrefix = "ProfilerStep#";
  StepsOfRanks steps(m_trace.ranks().size());
  forEachAnnotation(m_trace, stop, [&](uint32_t rank, EventIndex e) {
    const std::string_view name = m_trace.name(e);
    if (!name.starts_with(kPrefix)) return;
    int32_t number = -1;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), number);
    steps[rank].push_back({m_trace.span(e), number});
  });
  sortByBegin(steps);
  return steps;
}

ProfilerSteps::StepsOfRanks ProfilerSteps::numberedSteps(const std::stop_token& stop) {
  std::vector<std::optional<NumberedStep>> meanings;
  for (trace::NameId id = 0; id < m_trace.names().size(); ++id)
    meanings.push_back(numberedStep(m_trace.names()[id]));
  std::map<std::string_view, StepsOfRanks> byWord;
  forEachAnnotation(m_trace, stop, [&](uint32_t rank, EventIndex e) {
    const auto& meaning = meanings[m_trace.nameId(e)];
    if (!meaning || m_trace.durationNs(e) <= 0) return;
    StepsOfRanks& steps = byWord.try_emplace(meaning->word, m_trace.ranks().size()).first->second;
    steps[rank].push_back({m_trace.span(e), meaning->number});
  });
  StepsOfRanks best(m_trace.ranks().size());
  for (auto& [word, steps] : byWord) {
    sortByBegin(steps);
    const bool rising = std::all_of(steps.begin(), steps.end(), isSequence);
    if (!rising || lengthOf(steps) <= lengthOf(best)) continue;
    best = std::move(steps);
    m_foundBy = "annotations \"" + std::string(word) + " N\"";
  }
  return best;
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
