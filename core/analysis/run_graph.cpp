#include "core/analysis/run_graph.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/analysis/lanes.h"
#include "core/analysis/recordings.h"
#include "core/analysis/run_draft.h"
#include "core/analysis/schedule_edges.h"
#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::EventKind;
using trace::kNoIndex;
using trace::Trace;
using trace::Track;

class RunGraphBuilder {
 public:
  RunGraphBuilder(const PreparedRun& run, const CommNames& comm, const std::stop_token& stop)
      : m_run(run),
        m_trace(*run.trace),
        m_stop(stop),
        m_kinds(*run.trace, comm),
        m_draft{*run.trace, {}, {}, {}, {}} {}

  Result<RunGraph> build() {
    const auto stopped = [] { return fail(ErrorCode::kCancelled, "linking events was stopped"); };
    if (!trace::polledResize(m_draft.places, m_trace.eventCount(), NodePlace{}, m_stop))
      return stopped();
    // A copy of gigabytes, as a vector makes when it grows, cannot be stopped.
    m_draft.graph.nodes.reserve(m_trace.eventCount());
    m_draft.graph.edges.reserve(2 * m_trace.eventCount());
    chooseRanks();
    markLaunches();
    addShared();
    for (const Track& track : m_trace.tracks()) {
      if (m_stop.stop_requested()) return stopped();
      if (m_draft.chosen[track.rank]) addTrack(track);
    }
    if (m_draft.graph.nodes.empty()) {
      return fail(ErrorCode::kCannotAnswer,
                  "no GPU work and no schedule in this trace: nothing to find a critical path of");
    }
    addLaunchEdges();
    if (m_stop.stop_requested()) return stopped();
    addHandOffs(m_draft, m_stop);
    addHostWaits(m_draft, m_stop);
    if (m_stop.stop_requested()) return stopped();
    RunGraph result;
    result.inferredWaits = addStreamWaits(m_draft, m_stop);
    addScheduleEdges(m_trace, m_run.transfers, m_draft.chosen, m_draft.places, m_stop,
                     m_draft.graph);
    if (m_stop.stop_requested()) return stopped();
    result.graph =
        finishGraph(std::move(m_draft.graph.nodes), std::move(m_draft.graph.edges), m_stop);
    if (m_stop.stop_requested()) return stopped();
    return result;
  }

 private:
  void chooseRanks() {
    const Recordings recordings = findRecordings(m_trace, m_stop);
    std::vector<int64_t> events(recordings.list.size());
    for (const Track& track : m_trace.tracks())
      events[recordings.recordingOfRank[track.rank]] += track.eventCount;
    const auto best = std::max_element(events.begin(), events.end()) - events.begin();
    for (const uint32_t recording : recordings.recordingOfRank)
      m_draft.chosen.push_back(recording == static_cast<uint32_t>(best));
    m_operators.resize(m_draft.chosen.size());
    for (const Track& track : m_trace.tracks()) {
      if (track.kind == trace::TrackKind::kGpuStream) m_operators[track.rank] = true;
      if (m_operators[track.rank]) continue;
      for (const EventIndex e : trace::eventsOf(track, m_stop)) {
        const auto args = m_trace.args(e);
        const bool optimizer = args && args->pass == trace::Pass::kOptimizer;
        const EventKind kind = m_trace.kind(e);
        if (kind == EventKind::kRecompute || (kind == EventKind::kCompute && !optimizer))
          m_operators[track.rank] = true;
      }
    }
  }

  void markLaunches() {
    m_draft.launches.resize(m_trace.eventCount());
    for (const EventIndex e : trace::eventsOf(m_trace, m_stop)) {
      const EventIndex launch = m_trace.launch(e);
      if (launch != kNoIndex) m_draft.launches[launch] = true;
    }
  }

  uint32_t rankOf(EventIndex e) const { return m_trace.tracks()[m_trace.trackOf(e)].rank; }

  NodeIndex addNode(EventIndex e, int64_t startNs, int64_t durationNs) {
    m_draft.graph.nodes.push_back({e, rankOf(e), m_kinds.of(e), startNs, durationNs, 0});
    return static_cast<NodeIndex>(m_draft.graph.nodes.size() - 1);
  }

  // One node for what several ranks do together; each member keeps a node of no length for its
  // coming, and leaves when the shared work has ended and its own event has.
  void addSharedWork(const std::vector<EventIndex>& members) {
    int64_t lastStartNs = std::numeric_limits<int64_t>::min();
    int64_t firstEndNs = std::numeric_limits<int64_t>::max();
    EventIndex last = members.front();
    for (const EventIndex e : members) {
      if (m_trace.beginNs(e) > lastStartNs) last = e;
      lastStartNs = std::max(lastStartNs, m_trace.beginNs(e));
      firstEndNs = std::min(firstEndNs, m_trace.endNs(e));
    }
    // Contradicting times (a clock that is off): each member stands for itself.
    if (firstEndNs < lastStartNs) return;
    for (const EventIndex e : members) {
      if (!isReadyBefore(e, members.front()))
        m_draft.places[e].arrive = addNode(e, m_trace.beginNs(e), 0);
    }
    const NodeIndex shared = addNode(last, lastStartNs, firstEndNs - lastStartNs);
    for (const EventIndex e : members) {
      NodePlace& place = m_draft.places[e];
      place.leave = shared;
      place.lagNs = m_trace.endNs(e) - firstEndNs;
      if (place.arrive == kNoIndex) {
        place.arrive = shared;
      } else {
        m_draft.graph.edges.push_back({place.arrive, shared, EdgeFrom::kEnd, 0});
      }
    }
  }

  // A tracer's receive that began no later than its send was posted in time or shows the transfer
  // alone: either way it held nothing up.
  bool isReadyBefore(EventIndex receive, EventIndex send) const {
    return m_trace.kind(receive) == EventKind::kComm &&
           transferSide(m_trace, receive) == TransferSide::kReceive &&
           m_trace.beginNs(receive) <= m_trace.beginNs(send);
  }

  void addShared() {
    for (const size_t i : trace::placesOf(m_run.collectives.matched, m_stop)) {
      const MatchedCollective& match = m_run.collectives.matched[i];
      if (!m_draft.chosen[match.members.front().rankIndex]) continue;
      std::vector<EventIndex> members;
      for (const CollectiveMember& member : match.members) members.push_back(member.event);
      addSharedWork(members);
    }
    for (const size_t i : trace::placesOf(m_run.transfers.matched, m_stop)) {
      const MatchedTransfer& match = m_run.transfers.matched[i];
      if (m_draft.chosen[match.sender]) addSharedWork({match.send, match.receive});
    }
  }

  bool isNode(const Track& track, EventIndex e) const {
    const EventKind kind = m_trace.kind(e);
    if (kind == EventKind::kRuntime)
      return m_draft.launches[e] || isSynchronization(m_trace.name(e));
    if (kind == EventKind::kPass) return !m_operators[track.rank];
    return trace::isGpuWork(kind) || (trace::isScheduleWork(kind) &&
                                      (m_draft.places[e].arrive != kNoIndex || !isTransfer(e)));
  }

  // A tracer's transfer without its other side tells nothing about what it waited for.
  bool isTransfer(EventIndex e) const {
    return m_trace.kind(e) == EventKind::kComm && transferSide(m_trace, e) != TransferSide::kNone;
  }

  void addTrack(const Track& track) {
    EventIndex previous = kNoIndex;
    // Transfers of a stage do not wait for one another: links are their own.
    const bool ordered = laneOf(track) != Lane::kPipeline;
    for (const EventIndex e : trace::eventsOf(track, m_stop)) {
      if (!isNode(track, e)) continue;
      if (m_draft.places[e].arrive == kNoIndex) {
        const NodeIndex node = addNode(e, m_trace.beginNs(e), m_trace.durationNs(e));
        m_draft.places[e] = {node, node, 0};
      }
      if (ordered && previous != kNoIndex)
        m_draft.graph.follow(m_draft.places[previous], m_draft.places[e]);
      previous = e;
    }
  }

  void addLaunchEdges() {
    for (const EventIndex e : trace::eventsOf(m_trace, m_stop)) {
      const EventIndex launch = m_trace.launch(e);
      if (launch == kNoIndex || m_draft.places[e].arrive == kNoIndex) continue;
      if (m_draft.places[launch].arrive == kNoIndex) continue;
      m_draft.graph.edges.push_back(
          {m_draft.places[launch].arrive, m_draft.places[e].arrive, EdgeFrom::kStart, 0});
    }
  }

  const PreparedRun& m_run;
  const Trace& m_trace;
  const std::stop_token& m_stop;
  WorkKinds m_kinds;
  std::vector<bool> m_operators;  // per rank: operators recorded inside passes
  RunDraft m_draft;
};

}  // namespace

Result<RunGraph> buildRunGraph(const PreparedRun& run, const CommNames& comm,
                               const std::stop_token& stop) {
  return RunGraphBuilder(run, comm, stop).build();
}

}  // namespace caracal::analysis
