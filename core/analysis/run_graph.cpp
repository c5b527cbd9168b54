#include "core/analysis/run_graph.h"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "core/analysis/gpu_endings.h"
#include "core/analysis/lanes.h"
#include "core/analysis/recordings.h"
#include "core/analysis/schedule_edges.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::EventKind;
using trace::kNoIndex;
using trace::Trace;
using trace::Track;

constexpr int64_t kStreamWaitNs = 20'000;

bool isSynchronization(std::string_view call) {
  return call.find("Synchronize") != std::string_view::npos;
}

bool isCopyCall(std::string_view call) {
  return call.find("Memcpy") != std::string_view::npos;
}

class RunGraphBuilder {
 public:
  RunGraphBuilder(const PreparedRun& run, const CommNames& comm)
      : m_run(run),
        m_trace(*run.trace),
        m_kinds(*run.trace, comm),
        m_places(m_trace.eventCount()),
        m_launches(m_trace.eventCount()) {}

  Result<RunGraph> build() {
    chooseRanks();
    markLaunches();
    addShared();
    for (const Track& track : m_trace.tracks()) {
      if (m_chosen[track.rank]) addTrack(track);
    }
    if (m_draft.nodes.empty()) {
      return fail(ErrorCode::kCannotAnswer,
                  "no GPU work and no schedule in this trace: nothing to find a critical path of");
    }
    addLaunchEdges();
    addHostWaits();
    addStreamWaits();
    addScheduleEdges(m_trace, m_run.transfers, m_chosen, m_places, m_draft);
    RunGraph result;
    result.inferredWaits = m_inferred;
    result.graph = finishGraph(std::move(m_draft.nodes), std::move(m_draft.edges));
    return result;
  }

 private:
  void chooseRanks() {
    const Recordings recordings = findRecordings(m_trace);
    std::vector<int64_t> events(recordings.list.size());
    for (const Track& track : m_trace.tracks())
      events[recordings.recordingOfRank[track.rank]] += track.eventCount;
    const auto best = std::max_element(events.begin(), events.end()) - events.begin();
    for (const uint32_t recording : recordings.recordingOfRank)
      m_chosen.push_back(recording == static_cast<uint32_t>(best));
    m_operators.resize(m_chosen.size());
    for (const Track& track : m_trace.tracks()) {
      if (track.kind == trace::TrackKind::kGpuStream) m_operators[track.rank] = true;
      if (m_operators[track.rank]) continue;
      forEach(track, [&](EventIndex e) {
        const auto args = m_trace.args(e);
        const bool optimizer = args && args->pass == trace::Pass::kOptimizer;
        const EventKind kind = m_trace.kind(e);
        if (kind == EventKind::kRecompute || (kind == EventKind::kCompute && !optimizer))
          m_operators[track.rank] = true;
      });
    }
  }

  template <class Visit>
  void forEach(const Track& track, Visit visit) const {
    for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) visit(e);
  }

  void markLaunches() {
    for (size_t e = 0; e < m_trace.eventCount(); ++e) {
      const EventIndex launch = m_trace.launch(static_cast<EventIndex>(e));
      if (launch != kNoIndex) m_launches[launch] = true;
    }
  }

  uint32_t rankOf(EventIndex e) const { return m_trace.tracks()[m_trace.trackOf(e)].rank; }

  NodeIndex addNode(EventIndex e, int64_t startNs, int64_t durationNs) {
    m_draft.nodes.push_back({e, rankOf(e), m_kinds.of(e), startNs, durationNs, 0});
    return static_cast<NodeIndex>(m_draft.nodes.size() - 1);
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
        m_places[e].arrive = addNode(e, m_trace.beginNs(e), 0);
    }
    const NodeIndex shared = addNode(last, lastStartNs, firstEndNs - lastStartNs);
    for (const EventIndex e : members) {
      NodePlace& place = m_places[e];
      place.leave = shared;
      place.lagNs = m_trace.endNs(e) - firstEndNs;
      if (place.arrive == kNoIndex) {
        place.arrive = shared;
      } else {
        m_draft.edges.push_back({place.arrive, shared, EdgeFrom::kEnd, 0});
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
    for (const MatchedCollective& match : m_run.collectives.matched) {
      if (!m_chosen[match.members.front().rankIndex]) continue;
      std::vector<EventIndex> members;
      for (const CollectiveMember& member : match.members) members.push_back(member.event);
      addSharedWork(members);
    }
    for (const MatchedTransfer& match : m_run.transfers.matched) {
      if (m_chosen[match.sender]) addSharedWork({match.send, match.receive});
    }
  }

  bool isNode(const Track& track, EventIndex e) const {
    const EventKind kind = m_trace.kind(e);
    if (kind == EventKind::kRuntime) return m_launches[e] || isSynchronization(m_trace.name(e));
    if (kind == EventKind::kPass) return !m_operators[track.rank];
    return trace::isGpuWork(kind) ||
           (trace::isScheduleWork(kind) && (m_places[e].arrive != kNoIndex || !isTransfer(e)));
  }

  // A tracer's transfer without its other side tells nothing about what it waited for.
  bool isTransfer(EventIndex e) const {
    return m_trace.kind(e) == EventKind::kComm && transferSide(m_trace, e) != TransferSide::kNone;
  }

  void addTrack(const Track& track) {
    EventIndex previous = kNoIndex;
    // Transfers of a stage do not wait for one another: links are their own.
    const bool ordered = laneOf(track) != Lane::kPipeline;
    forEach(track, [&](EventIndex e) {
      if (!isNode(track, e)) return;
      if (m_places[e].arrive == kNoIndex) {
        const NodeIndex node = addNode(e, m_trace.beginNs(e), m_trace.durationNs(e));
        m_places[e] = {node, node, 0};
      }
      if (ordered && previous != kNoIndex) m_draft.follow(m_places[previous], m_places[e]);
      previous = e;
    });
  }

  void addLaunchEdges() {
    for (EventIndex e = 0; e < m_trace.eventCount(); ++e) {
      const EventIndex launch = m_trace.launch(e);
      if (launch == kNoIndex || m_places[e].arrive == kNoIndex) continue;
      if (m_places[launch].arrive == kNoIndex) continue;
      m_draft.edges.push_back({m_places[launch].arrive, m_places[e].arrive, EdgeFrom::kStart, 0});
    }
  }

  // GPU work by its end, of each rank, or of each rank whose threads launch it.
  enum class Owner : uint8_t { kRank, kHost };
  std::map<uint32_t, GpuEndings> gpuEndings(Owner owner) const {
    std::map<uint32_t, GpuEndings> endings;
    for (const Track& track : m_trace.tracks()) {
      if (!m_chosen[track.rank]) continue;
      const uint32_t key = owner == Owner::kHost ? hostOf(track.rank) : track.rank;
      GpuEndings& list = endings.try_emplace(key, m_trace).first->second;
      forEach(track, [&](EventIndex e) {
        if (trace::isGpuWork(m_trace.kind(e))) list.add(e);
      });
    }
    for (auto& [key, list] : endings) list.sort();
    return endings;
  }

  uint32_t hostOf(uint32_t rank) const {
    const uint32_t host = m_trace.ranks()[rank].hostRank;
    return host == kNoIndex ? rank : host;
  }

  // A call that returned after GPU work it had to wait for: its own work begins there.
  void waitFor(EventIndex call, EventIndex work) {
    GraphNode& node = m_draft.nodes[m_places[call].leave];
    const int64_t awaitedNs = m_trace.endNs(work);
    if (awaitedNs <= node.startNs || awaitedNs > node.endNs()) return;
    if (m_launches[call]) {  // it must have begun to launch what it waits for
      const NodeIndex rest = addNode(call, awaitedNs, m_trace.endNs(call) - awaitedNs);
      GraphNode& begun = m_draft.nodes[m_places[call].arrive];
      begun.durationNs = 0;
      m_draft.edges.push_back({m_places[call].arrive, rest, EdgeFrom::kEnd, 0});
      redirectFollowers(m_places[call].arrive, rest);
      m_places[call].leave = rest;
    } else {
      node.durationNs = node.endNs() - awaitedNs;
      node.startNs = awaitedNs;
    }
    m_draft.follow(m_places[work], {m_places[call].leave, m_places[call].leave, 0});
  }

  // Edges from the end of `from` lead from `to` instead; launches, from its start, stay.
  void redirectFollowers(NodeIndex from, NodeIndex to) { m_redirected[from] = to; }

  void addHostWaits() {
    const std::map<uint32_t, GpuEndings> ofHosts = gpuEndings(Owner::kHost);
    const std::vector<EventIndex> copies = lastCopies();
    for (const Track& track : m_trace.tracks()) {
      if (!m_chosen[track.rank]) continue;
      forEach(track, [&](EventIndex e) {
        if (m_trace.kind(e) != EventKind::kRuntime || m_places[e].arrive == kNoIndex) return;
        if (copies[e] != kNoIndex) {
          waitFor(e, copies[e]);
        } else if (isSynchronization(m_trace.name(e))) {
          const auto endings = ofHosts.find(track.rank);
          const EventIndex awaited =
              endings == ofHosts.end() ? kNoIndex : endings->second.awaitedBy(e);
          if (awaited != kNoIndex) waitFor(e, awaited);
        }
      });
    }
    applyRedirections();
  }

  // Per call: the copy that it launched.
  std::vector<EventIndex> lastCopies() const {
    std::vector<EventIndex> copies(m_trace.eventCount(), kNoIndex);
    for (EventIndex e = 0; e < m_trace.eventCount(); ++e) {
      const EventIndex launch = m_trace.launch(e);
      if (m_trace.kind(e) == EventKind::kMemcpy && launch != kNoIndex &&
          m_places[e].arrive != kNoIndex && isCopyCall(m_trace.name(launch)))
        copies[launch] = e;
    }
    return copies;
  }

  void applyRedirections() {
    for (GraphEdge& edge : m_draft.edges) {
      const auto to = m_redirected.find(edge.from);
      if (to != m_redirected.end() && edge.side == EdgeFrom::kEnd && edge.to != to->second)
        edge.from = to->second;
    }
  }

  void addStreamWaits() {
    for (const auto& [rank, endings] : gpuEndings(Owner::kRank)) {
      for (const Track& track : m_trace.tracks()) {
        if (track.rank == rank) addStreamWaits(track, endings);
      }
    }
  }

  void addStreamWaits(const Track& track, const GpuEndings& endings) {
    int64_t freeNs = std::numeric_limits<int64_t>::min();
    forEach(track, [&](EventIndex e) {
      if (!trace::isGpuWork(m_trace.kind(e))) return;
      const EventIndex launch = m_trace.launch(e);
      int64_t boundNs = freeNs;
      if (launch != kNoIndex) boundNs = std::max(boundNs, m_trace.endNs(launch));
      freeNs = std::max(freeNs, m_trace.endNs(e));
      const EventIndex awaited = endings.endedJustBefore(e, track, boundNs, kStreamWaitNs);
      if (awaited == kNoIndex) return;
      ++m_inferred;
      m_draft.follow(m_places[awaited], m_places[e]);
    });
  }

  const PreparedRun& m_run;
  const Trace& m_trace;
  WorkKinds m_kinds;
  std::vector<bool> m_chosen;     // per rank
  std::vector<bool> m_operators;  // per rank: operators recorded inside passes
  std::vector<NodePlace> m_places;
  std::vector<bool> m_launches;  // per event: a call that launches
  std::map<NodeIndex, NodeIndex> m_redirected;
  GraphDraft m_draft;
  int64_t m_inferred = 0;
};

}  // namespace

Result<RunGraph> buildRunGraph(const PreparedRun& run, const CommNames& comm) {
  return RunGraphBuilder(run, comm).build();
}

}  // namespace caracal::analysis
