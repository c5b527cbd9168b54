#include "core/profile/contention_samples.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/analysis/collectives.h"
#include "core/analysis/lanes.h"
#include "core/base/intervals.h"
#include "core/base/statistics.h"

namespace caracal::profile {
namespace {

using trace::EventIndex;
using trace::EventKind;
using trace::Trace;

constexpr size_t kFewest = 3;  // samples of each sort, for a ratio to be one

struct Work {
  Span span;
  std::string kind, id;
};

// Layer operators of the counted steps on one rank. A recomputation is the operator's forward
// again.
std::vector<Work> operatorsOf(const Trace& trace, const LayerKind& layer, uint32_t rank) {
  std::vector<Work> found;
  for (const trace::Track& track : trace.tracks()) {
    if (track.rank != rank) continue;
    for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      const EventKind kind = trace.kind(e);
      if (kind != EventKind::kCompute && kind != EventKind::kRecompute) continue;
      const auto args = trace.args(e);
      if (!args || args->step < 1 || args->pass == trace::Pass::kOptimizer) continue;
      const std::string id(trace.name(e));
      const int index = args->layer < 0 ? -1 : layer.indexOf(id);
      if (index < 0) continue;
      const bool forward = kind == EventKind::kRecompute || args->pass == trace::Pass::kForward;
      found.push_back(
          {trace.span(e), std::string(name(layer.operators[static_cast<size_t>(index)].kind)),
           fmt::format("{} {}", id, trace::name(forward ? trace::Pass::kForward : args->pass))});
    }
  }
  return found;
}

// When each collective event was transferring: after the last rank had come.
std::map<EventIndex, Span> transferSpans(const Trace& trace) {
  std::map<EventIndex, Span> spans;
  for (const auto& match : analysis::matchCollectives(trace, analysis::CommNames{}).matched) {
    for (const auto& member : match.members)
      spans[member.event] = {match.lastStartNs, match.lastStartNs + match.transferNs};
  }
  return spans;
}

// Of a rank's collectives. One whose group has no other rank in the trace counts whole.
std::vector<Work> transfersOf(const Trace& trace, const std::map<EventIndex, Span>& transferring,
                              uint32_t rank) {
  std::vector<Work> found;
  for (const trace::Track& track : trace.tracks()) {
    const bool collectives = analysis::laneOf(track) == analysis::Lane::kTensor;
    if (track.rank != rank || !collectives) continue;
    for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      const auto args = trace.args(e);
      if (trace.kind(e) != EventKind::kComm || !args || args->step < 1) continue;
      const auto matched = transferring.find(e);
      const std::string id(trace.name(e));
      found.push_back({matched == transferring.end() ? trace.span(e) : matched->second, id, id});
    }
  }
  return found;
}

SpanSet spansOf(const std::vector<Work>& works) {
  std::vector<Span> spans;
  for (const Work& work : works) spans.push_back(work.span);
  return SpanSet(std::move(spans));
}

}  // namespace

void ContentionSamples::add(const Trace& trace, const LayerKind& layer) {
  const std::map<EventIndex, Span> transferring = transferSpans(trace);
  for (uint32_t rank = 0; rank < trace.ranks().size(); ++rank) {
    const std::vector<Work> operators = operatorsOf(trace, layer, rank);
    const std::vector<Work> transfers = transfersOf(trace, transferring, rank);
    const auto sort = [](const std::vector<Work>& works, const SpanSet& others, ByClass& into) {
      for (const Work& work : works) {
        const int64_t sharedNs = clip(others, work.span).lengthNs();
        Durations& durations = into[{work.kind, work.id}];
        if (sharedNs == 0) durations.alone.push_back(work.span.lengthNs());
        if (2 * sharedNs >= work.span.lengthNs() && sharedNs > 0)
          durations.beside.push_back(work.span.lengthNs());
      }
    };
    sort(operators, spansOf(transfers), m_operators);
    sort(transfers, spansOf(operators), m_collectives);
  }
}

std::vector<SlowDown> ContentionSamples::slowDownsOf(const ByClass& durations) {
  struct Sum {
    double besideNs = 0, aloneNs = 0;
    int64_t samples = 0;
  };
  std::map<std::string, Sum> sums;
  for (const auto& [key, sampled] : durations) {
    if (sampled.alone.size() < kFewest || sampled.beside.size() < kFewest) continue;
    const auto count = static_cast<double>(sampled.beside.size());
    Sum& sum = sums[key.first];
    sum.besideNs += count * static_cast<double>(median(sampled.beside));
    sum.aloneNs += count * static_cast<double>(median(sampled.alone));
    sum.samples += static_cast<int64_t>(sampled.beside.size());
  }
  std::vector<SlowDown> slowDowns;
  for (const auto& [of, sum] : sums) {
    if (sum.aloneNs > 0) slowDowns.push_back({of, sum.besideNs / sum.aloneNs, sum.samples});
  }
  return slowDowns;
}

std::vector<SlowDown> ContentionSamples::operatorsBeside() const {
  return slowDownsOf(m_operators);
}

std::vector<SlowDown> ContentionSamples::collectivesBeside() const {
  return slowDownsOf(m_collectives);
}

}  // namespace caracal::profile
