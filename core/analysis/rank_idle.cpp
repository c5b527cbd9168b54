#include "core/analysis/rank_idle.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "core/analysis/group_roles.h"
#include "core/analysis/idle_causes.h"
#include "core/analysis/idle_time.h"
#include "core/analysis/kernel_breakdown.h"
#include "core/analysis/launch_gaps.h"
#include "core/analysis/profiler_steps.h"
#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::kNoIndex;
using trace::Trace;
using trace::Track;

// The time of one rank, by what ran or was waited for.
struct RankTime {
  SpanSet busy, skew, upstream, downstream, tensor, data, copies, launch, other;
  std::map<int32_t, Span> steps;  // first begin to last end of GPU work launched in the step
};

struct RawTime {
  std::vector<Span> busy, skew, upstream, downstream, tensor, data, copies, other;
  std::vector<EventIndex> compute;
};

class RankReader {
 public:
  RankReader(const PreparedRun& run, const CommNames& comm, const std::stop_token& stop)
      : m_trace(*run.trace),
        m_stop(stop),
        m_filter(m_trace, comm),
        m_roles(m_trace, comm, stop),
        m_steps(m_trace, stop) {
    for (const size_t i : trace::placesOf(run.collectives.matched, stop)) {
      const MatchedCollective& match = run.collectives.matched[i];
      for (const CollectiveMember& member : match.members)
        m_lastStart[member.event] = match.lastStartNs;
    }
    for (const size_t i : trace::placesOf(run.transfers.matched, stop)) {
      const MatchedTransfer& match = run.transfers.matched[i];
      const bool forward = match.sender < match.receiver;
      m_upstream[match.receive] = forward;
      m_upstream[match.send] = !forward;
    }
  }

  RankTime read(uint32_t rankIndex) {
    m_raw = {};
    RankTime time;
    for (const Track& track : m_trace.tracks()) {
      if (track.rank != rankIndex) continue;
      for (const EventIndex e : trace::eventsOf(track, m_stop)) {
        if (!trace::isGpuWork(m_trace.kind(e))) continue;
        add(e);
        const int32_t step = m_steps.stepOf(rankIndex, e);
        Span& extent = time.steps.try_emplace(step, m_trace.span(e)).first->second;
        extent = {std::min(extent.beginNs, m_trace.beginNs(e)),
                  std::max(extent.endNs, m_trace.endNs(e))};
      }
    }
    time.busy = SpanSet(std::move(m_raw.busy));
    time.skew = SpanSet(std::move(m_raw.skew));
    time.upstream = SpanSet(std::move(m_raw.upstream));
    time.downstream = SpanSet(std::move(m_raw.downstream));
    time.tensor = SpanSet(std::move(m_raw.tensor));
    time.data = SpanSet(std::move(m_raw.data));
    time.copies = SpanSet(std::move(m_raw.copies));
    time.other = SpanSet(std::move(m_raw.other));
    time.launch = SpanSet(launchGaps(m_trace, std::move(m_raw.compute), m_stop));
    return time;
  }

 private:
  void add(EventIndex e) {
    switch (kernelTypeOf(m_trace, e, m_filter)) {
      case KernelType::kComputation:
      case KernelType::kGraph:
        m_raw.busy.push_back(m_trace.span(e));
        m_raw.compute.push_back(e);
        return;
      case KernelType::kMemory:
        m_raw.copies.push_back(m_trace.span(e));
        return;
      case KernelType::kCommunication:
        addCommunication(e);
        return;
    }
  }

  void addCommunication(EventIndex e) {
    if (const auto last = m_lastStart.find(e); last != m_lastStart.end())
      m_raw.skew.push_back({m_trace.beginNs(e), std::min(last->second, m_trace.endNs(e))});
    if (const auto upstream = m_upstream.find(e); upstream != m_upstream.end()) {
      (upstream->second ? m_raw.upstream : m_raw.downstream).push_back(m_trace.span(e));
      return;
    }
    const auto args = m_trace.args(e);
    switch (m_roles.of(args ? args->group : kNoIndex).role) {
      case GroupRole::kTensor:
      case GroupRole::kContext:
      case GroupRole::kExpert:
        m_raw.tensor.push_back(m_trace.span(e));
        break;
      case GroupRole::kData:
        m_raw.data.push_back(m_trace.span(e));
        break;
      case GroupRole::kPipeline:  // unmatched: which side was waited for is not known
      case GroupRole::kUnknown:
        m_raw.other.push_back(m_trace.span(e));
        break;
    }
  }

  const Trace& m_trace;
  const std::stop_token& m_stop;
  CommKernelFilter m_filter;
  GroupRoles m_roles;
  ProfilerSteps m_steps;
  std::unordered_map<EventIndex, int64_t> m_lastStart;  // of matched collectives
  std::unordered_map<EventIndex, bool> m_upstream;      // of matched transfers
  RawTime m_raw;
};

RankStep explain(const RankTime& time, uint32_t rankIndex, int32_t step, Span span) {
  RankStep row{.rankIndex = rankIndex, .step = step, .span = span};
  const SpanSet busy = clip(time.busy, span);
  row.busyNs = busy.lengthNs();
  IdleTime idle(complement(busy, span), span);
  idle.take(time.skew, IdleCause::kCollectiveSkew);
  idle.take(time.upstream, IdleCause::kWaitUpstream);
  idle.take(time.downstream, IdleCause::kWaitDownstream);
  idle.take(time.tensor, IdleCause::kTensorTransfer);
  idle.take(time.data, IdleCause::kDataParallel);
  idle.take(time.copies, IdleCause::kMemory);
  idle.take(time.launch, IdleCause::kLaunch);
  idle.take(time.other, IdleCause::kCommunication);
  row.causes = sumByCause(std::move(idle).finish(IdleCause::kUnexplained));
  return row;
}

// Work outside of all steps counts only where no step is marked.
void addSteps(const RankTime& time, uint32_t rankIndex, std::vector<RankStep>& rows) {
  std::vector<std::pair<int32_t, Span>> steps(time.steps.begin(), time.steps.end());
  if (steps.size() > 1 && steps.front().first < 0) steps.erase(steps.begin());
  for (size_t i = 0; i < steps.size(); ++i) {
    auto [number, span] = steps[i];
    if (i + 1 < steps.size() && steps[i + 1].second.beginNs > span.beginNs)
      span.endNs = steps[i + 1].second.beginNs;
    rows.push_back(explain(time, rankIndex, number, span));
  }
}

}  // namespace

std::vector<RankStep> explainRanks(const PreparedRun& run, const CommNames& comm,
                                   const std::stop_token& stop) {
  RankReader reader(run, comm, stop);
  std::vector<RankStep> rows;
  for (uint32_t rank = 0; rank < run.trace->ranks().size() && !stop.stop_requested(); ++rank)
    addSteps(reader.read(rank), rank, rows);
  return rows;
}

}  // namespace caracal::analysis
