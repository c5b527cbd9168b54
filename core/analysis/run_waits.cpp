// Waits for GPU work, of the host and of other streams (run_draft.h).
#include <limits>
#include <map>

#include "core/analysis/gpu_endings.h"
#include "core/analysis/run_draft.h"
#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::EventKind;
using trace::kNoIndex;
using trace::Trace;
using trace::Track;

constexpr int64_t kStreamWaitNs = 20'000;

bool isCopyCall(std::string_view call) {
  return call.find("Memcpy") != std::string_view::npos;
}

// GPU work by its end, of each rank, or of each rank whose threads launch it.
enum class Owner : uint8_t { kRank, kHost };
std::map<uint32_t, GpuEndings> gpuEndings(const RunDraft& draft, Owner owner,
                                          const std::stop_token& stop) {
  std::map<uint32_t, GpuEndings> endings;
  for (const Track& track : draft.trace.tracks()) {
    if (!draft.chosen[track.rank]) continue;
    const uint32_t key = owner == Owner::kHost ? draft.hostOf(track.rank) : track.rank;
    GpuEndings& list = endings.try_emplace(key, draft.trace).first->second;
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      if (trace::isGpuWork(draft.trace.kind(e))) list.add(e);
    }
  }
  for (auto& [key, list] : endings) list.sort(stop);
  return endings;
}

class HostWaits {
 public:
  HostWaits(RunDraft& draft, const std::stop_token& stop)
      : m_draft(draft), m_trace(draft.trace), m_stop(stop) {}

  void add() && {
    const std::map<uint32_t, GpuEndings> ofHosts = gpuEndings(m_draft, Owner::kHost, m_stop);
    const std::vector<EventIndex> copies = lastCopies();
    for (const Track& track : m_trace.tracks()) {
      if (!m_draft.chosen[track.rank]) continue;
      for (const EventIndex e : trace::eventsOf(track, m_stop)) {
        if (!m_draft.isCall(e)) continue;
        if (copies[e] != kNoIndex) {
          waitFor(e, copies[e]);
        } else if (isSynchronization(m_trace.name(e))) {
          const auto endings = ofHosts.find(track.rank);
          const EventIndex awaited =
              endings == ofHosts.end() ? kNoIndex : endings->second.awaitedBy(e);
          if (awaited != kNoIndex) waitFor(e, awaited);
        }
      }
    }
    applyRedirections();
  }

 private:
  // Per call: the copy that it launched.
  std::vector<EventIndex> lastCopies() const {
    std::vector<EventIndex> copies;
    if (!trace::polledResize(copies, m_trace.eventCount(), kNoIndex, m_stop)) return copies;
    for (const EventIndex e : trace::eventsOf(m_trace, m_stop)) {
      const EventIndex launch = m_trace.launch(e);
      if (m_trace.kind(e) == EventKind::kMemcpy && launch != kNoIndex &&
          m_draft.places[e].arrive != kNoIndex && isCopyCall(m_trace.name(launch)))
        copies[launch] = e;
    }
    return copies;
  }

  // A call that returned after GPU work it had to wait for: its own work begins there.
  void waitFor(EventIndex call, EventIndex work) {
    GraphDraft& graph = m_draft.graph;
    NodePlace& place = m_draft.places[call];
    GraphNode& node = graph.nodes[place.leave];
    const int64_t awaitedNs = m_trace.endNs(work);
    if (awaitedNs <= node.startNs || awaitedNs > node.endNs()) return;
    if (m_draft.launches[call]) {  // it must have begun to launch what it waits for
      GraphNode rest = node;
      rest.startNs = awaitedNs;
      rest.durationNs = m_trace.endNs(call) - awaitedNs;
      graph.nodes[place.arrive].durationNs = 0;
      graph.nodes.push_back(rest);
      const auto added = static_cast<NodeIndex>(graph.nodes.size() - 1);
      graph.edges.push_back({place.arrive, added, EdgeFrom::kEnd, 0});
      m_redirected[place.arrive] = added;
      place.leave = added;
    } else {
      node.durationNs = node.endNs() - awaitedNs;
      node.startNs = awaitedNs;
    }
    graph.follow(m_draft.places[work], {place.leave, place.leave, 0});
  }

  // Edges from the end of a call that was taken apart lead from its rest; launches, from its start,
  // stay.
  void applyRedirections() {
    for (const size_t i : trace::placesOf(m_draft.graph.edges, m_stop)) {
      GraphEdge& edge = m_draft.graph.edges[i];
      const auto to = m_redirected.find(edge.from);
      if (to != m_redirected.end() && edge.side == EdgeFrom::kEnd && edge.to != to->second)
        edge.from = to->second;
    }
  }

  RunDraft& m_draft;
  const Trace& m_trace;
  const std::stop_token& m_stop;
  std::map<NodeIndex, NodeIndex> m_redirected;
};

int64_t addStreamWaitsOf(const Track& track, const GpuEndings& endings, const std::stop_token& stop,
                         RunDraft& draft) {
  const Trace& trace = draft.trace;
  int64_t inferred = 0;
  int64_t freeNs = std::numeric_limits<int64_t>::min();
  for (const EventIndex e : trace::eventsOf(track, stop)) {
    if (!trace::isGpuWork(trace.kind(e))) continue;
    const EventIndex launch = trace.launch(e);
    int64_t boundNs = freeNs;
    if (launch != kNoIndex) boundNs = std::max(boundNs, trace.endNs(launch));
    freeNs = std::max(freeNs, trace.endNs(e));
    const EventIndex awaited = endings.endedJustBefore(e, track, boundNs, kStreamWaitNs);
    if (awaited == kNoIndex) continue;
    ++inferred;
    draft.graph.follow(draft.places[awaited], draft.places[e]);
  }
  return inferred;
}

}  // namespace

bool isSynchronization(std::string_view call) {
  return call.find("Synchronize") != std::string_view::npos;
}

void addHostWaits(RunDraft& draft, const std::stop_token& stop) {
  HostWaits(draft, stop).add();
}

int64_t addStreamWaits(RunDraft& draft, const std::stop_token& stop) {
  int64_t inferred = 0;
  for (const auto& [rank, endings] : gpuEndings(draft, Owner::kRank, stop)) {
    for (const Track& track : draft.trace.tracks()) {
      if (track.rank == rank) inferred += addStreamWaitsOf(track, endings, stop, draft);
    }
  }
  return inferred;
}

}  // namespace caracal::analysis
