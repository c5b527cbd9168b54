#include "core/analysis/schedule_edges.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "core/analysis/call_alignment.h"
#include "core/analysis/lanes.h"
#include "core/trace/args_of.h"

namespace caracal::analysis {
namespace {

using trace::argsOf;
using trace::EventArgs;
using trace::EventIndex;
using trace::EventKind;
using trace::kNoIndex;
using trace::Pass;
using trace::Trace;
using trace::Track;

bool isComputeWork(EventKind kind) {
  return kind == EventKind::kCompute || kind == EventKind::kRecompute || kind == EventKind::kPass;
}

using PassKey = std::tuple<int32_t, Pass, int32_t>;  // step, pass, micro-batch

// The compute work of one rank, and its communication.
struct RankWork {
  std::vector<EventIndex> compute;                      // by begin
  std::map<PassKey, std::vector<EventIndex>> ofPasses;  // by begin
  std::vector<EventIndex> comm;
};

class ScheduleEdges {
 public:
  ScheduleEdges(const Trace& trace, const std::vector<NodePlace>& places,
                const std::stop_token& stop, GraphDraft& draft)
      : m_trace(trace), m_places(places), m_stop(stop), m_draft(draft) {}

  void collect(const std::vector<bool>& chosen) {
    for (const Track& track : m_trace.tracks()) {
      if (!chosen[track.rank]) continue;
      for (const EventIndex e : trace::eventsOf(track, m_stop)) {
        if (m_places[e].arrive == kNoIndex) continue;
        if (isComputeWork(m_trace.kind(e))) m_ranks[track.rank].compute.push_back(e);
        if (m_trace.kind(e) == EventKind::kComm) m_ranks[track.rank].comm.push_back(e);
      }
    }
    for (auto& [rank, work] : m_ranks) {
      if (!sortByBegin(m_trace, work.compute, m_stop)) return;
      for (const size_t i : trace::placesOf(work.compute, m_stop)) {
        const EventIndex e = work.compute[i];
        const EventArgs args = argsOf(m_trace, e);
        // Recomputation that nothing hides is the first work of its backward pass.
        const Pass pass = m_trace.kind(e) == EventKind::kRecompute ? Pass::kBackward : args.pass;
        work.ofPasses[{args.step, pass, args.microBatch}].push_back(e);
      }
    }
  }

  void orderWork() {
    for (const auto& [rank, work] : m_ranks) {
      for (const size_t i : trace::placesOf(work.compute, m_stop)) {
        if (i > 0) follow(work.compute[i - 1], work.compute[i]);
      }
      for (const size_t i : trace::placesOf(work.comm, m_stop)) tieToWork(work, work.comm[i]);
    }
  }

  // Positions in the model: chunk by chunk around the stages. A forward pass needs the one before,
  // a backward pass the one after.
  void tiePasses() {
    using PassPlace =
        std::tuple<int32_t, int32_t, int32_t, Pass, int32_t>;  // step, replica, mb, .., position
    int32_t stages = 0;
    for (const auto& [rank, work] : m_ranks)
      stages = std::max(stages, m_trace.ranks()[rank].stage + 1);
    std::map<PassPlace, EventIndex> passes;
    const auto placeOf = [&](uint32_t rank, EventIndex e) {
      const EventArgs args = argsOf(m_trace, e);
      return PassPlace{args.step, m_trace.ranks()[rank].dataIndex, args.microBatch, args.pass,
                       std::max(args.chunk, 0) * stages + m_trace.ranks()[rank].stage};
    };
    for (const auto& [rank, work] : m_ranks) {
      for (const size_t i : trace::placesOf(work.compute, m_stop)) {
        const EventIndex e = work.compute[i];
        if (m_trace.kind(e) == EventKind::kPass) passes[placeOf(rank, e)] = e;
      }
    }
    for (const auto& [place, e] : passes) {
      PassPlace producer = place;
      std::get<4>(producer) += std::get<3>(place) == Pass::kForward ? -1 : 1;
      const auto found = passes.find(producer);
      if (found != passes.end()) follow(found->second, e);
    }
  }

 private:
  void follow(EventIndex first, EventIndex then) {
    m_draft.follow(m_places[first], m_places[then]);
  }

  void tieToWork(const RankWork& work, EventIndex e) {
    const EventArgs args = argsOf(m_trace, e);
    const TransferSide side = transferSide(m_trace, e);
    const bool receives = side == TransferSide::kReceive;
    // A receive without a coming of its own held nothing up.
    if (!receives || m_places[e].arrive != m_places[e].leave) {
      if (const EventIndex before = lastEndedBefore(work, m_trace.beginNs(e)); before != kNoIndex)
        follow(before, e);
    }
    if (side == TransferSide::kSend) return;
    const Pass pass = !receives ? args.pass
                      : directionOf(m_trace.name(e)) == TransferDirection::kBackward
                          ? Pass::kBackward
                          : Pass::kForward;
    const EventIndex next = firstAfter(work, {args.step, pass, args.microBatch}, m_trace.endNs(e));
    if (next != kNoIndex) follow(e, next);
  }

  // Work of a stage is serial, so that begins and ends have one order.
  EventIndex lastEndedBefore(const RankWork& work, int64_t timeNs) const {
    const auto after =
        std::partition_point(work.compute.begin(), work.compute.end(),
                             [&](EventIndex e) { return m_trace.endNs(e) <= timeNs; });
    return after == work.compute.begin() ? kNoIndex : *std::prev(after);
  }

  EventIndex firstAfter(const RankWork& work, const PassKey& key, int64_t timeNs) const {
    const auto ofPass = work.ofPasses.find(key);
    const auto& candidates = ofPass == work.ofPasses.end() ? work.compute : ofPass->second;
    const auto first =
        std::partition_point(candidates.begin(), candidates.end(),
                             [&](EventIndex e) { return m_trace.beginNs(e) < timeNs; });
    return first == candidates.end() ? kNoIndex : *first;
  }

  const Trace& m_trace;
  const std::vector<NodePlace>& m_places;
  const std::stop_token& m_stop;
  GraphDraft& m_draft;
  std::map<uint32_t, RankWork> m_ranks;
};

}  // namespace

void addScheduleEdges(const Trace& trace, const TransferMatching& transfers,
                      const std::vector<bool>& chosen, const std::vector<NodePlace>& places,
                      const std::stop_token& stop, GraphDraft& draft) {
  ScheduleEdges edges(trace, places, stop, draft);
  edges.collect(chosen);
  edges.orderWork();
  if (transfers.matched.empty()) edges.tiePasses();
}

}  // namespace caracal::analysis
