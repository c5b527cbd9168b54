#include "app/ui/timeline/run_links.h"

#include <algorithm>
#include <tuple>

#include "app/ui/timeline/event_blocks.h"
#include "core/trace/polled_sort.h"

namespace caracal::ui {
namespace {

using trace::EventIndex;
using trace::kNoIndex;

// Launches of several threads onto one stream may be recorded slightly out of order: this many
// operations launched later are looked past.
constexpr int kMostOutOfOrder = 64;

bool byFrom(const EventLink& a, const EventLink& b) {
  return std::tuple(a.from, a.to, a.kind) < std::tuple(b.from, b.to, b.kind);
}
bool byTo(const EventLink& a, const EventLink& b) {
  return std::tuple(a.to, a.from) < std::tuple(b.to, b.from);
}

EventIndex launchedOn(const trace::Trace& trace, const trace::Track& track, EventIndex host) {
  const int64_t launchedNs = trace.beginNs(host);
  int later = 0;
  for (EventIndex e = firstFrom(trace, track, launchedNs);
       e < track.firstEvent + track.eventCount && later < kMostOutOfOrder; ++e) {
    const EventIndex launch = trace.launch(e);
    if (launch == host) return e;
    if (launch != kNoIndex && trace.beginNs(launch) > launchedNs) ++later;
  }
  return kNoIndex;
}

EventIndex launchedBy(const trace::Trace& trace, EventIndex host) {
  if (trace.kind(host) != trace::EventKind::kRuntime) return kNoIndex;
  const uint32_t hostRank = trace.tracks()[trace.trackOf(host)].rank;
  for (const trace::Track& track : trace.tracks()) {
    const uint32_t launcher = trace.ranks()[track.rank].hostRank;
    const bool isOurs = track.rank == hostRank || launcher == hostRank;
    if (!isOurs || track.kind != trace::TrackKind::kGpuStream) continue;
    if (const EventIndex found = launchedOn(trace, track, host); found != kNoIndex) return found;
  }
  return kNoIndex;
}

}  // namespace

std::vector<EventLink> launchLinks(const trace::Trace& trace, EventIndex event) {
  std::vector<EventLink> links;
  if (const EventIndex launch = trace.launch(event); launch != kNoIndex)
    links.push_back({launch, event, LinkKind::kLaunch});
  if (const EventIndex work = launchedBy(trace, event); work != kNoIndex)
    links.push_back({event, work, LinkKind::kLaunch});
  return links;
}

RunLinks::RunLinks(const analysis::PreparedRun& run, const std::stop_token& stop)
    : m_trace(run.trace) {
  for (const size_t i : trace::placesOf(run.transfers.matched, stop)) {
    const analysis::MatchedTransfer& transfer = run.transfers.matched[i];
    m_byFrom.push_back({transfer.send, transfer.receive, LinkKind::kTransfer});
  }
  for (const size_t i : trace::placesOf(run.collectives.matched, stop)) {
    const analysis::MatchedCollective& call = run.collectives.matched[i];
    const auto last =
        std::find_if(call.members.begin(), call.members.end(),
                     [&](const auto& member) { return member.rankIndex == call.lastRankIndex; });
    if (last == call.members.end()) continue;
    for (const analysis::CollectiveMember& member : call.members) {
      if (member.event != last->event)
        m_byFrom.push_back({last->event, member.event, LinkKind::kCollective});
    }
  }
  for (const size_t i : trace::placesOf(m_trace->flows(), stop)) {
    const trace::Flow& flow = m_trace->flows()[i];
    m_byFrom.push_back({flow.from, flow.to, LinkKind::kFlow});
  }
  if (!trace::polledStableSort(m_byFrom, byFrom, stop)) return;
  // A transfer may be matched and linked by the trace as well.
  const auto same = [](const EventLink& a, const EventLink& b) {
    return a.from == b.from && a.to == b.to;
  };
  m_byFrom.erase(std::unique(m_byFrom.begin(), m_byFrom.end(), same), m_byFrom.end());
  m_byTo = m_byFrom;
  trace::polledStableSort(m_byTo, byTo, stop);
}

std::vector<EventLink> RunLinks::of(EventIndex event) const {
  std::vector<EventLink> links = launchLinks(*m_trace, event);
  const auto from = std::lower_bound(m_byFrom.begin(), m_byFrom.end(), event,
                                     [](const EventLink& l, EventIndex e) { return l.from < e; });
  for (auto link = from; link != m_byFrom.end() && link->from == event; ++link)
    links.push_back(*link);
  const auto to = std::lower_bound(m_byTo.begin(), m_byTo.end(), event,
                                   [](const EventLink& l, EventIndex e) { return l.to < e; });
  for (auto link = to; link != m_byTo.end() && link->to == event; ++link) links.push_back(*link);
  return links;
}

}  // namespace caracal::ui
