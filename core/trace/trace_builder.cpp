#include "core/trace/trace_builder.h"

#include <algorithm>
#include <cassert>
#include <tuple>

#include "core/trace/polled_sort.h"

namespace caracal::trace {
namespace {

// Where in the new order each old index went.
std::vector<EventIndex> inverseOf(const std::vector<EventIndex>& order) {
  std::vector<EventIndex> newIndex(order.size());
  for (size_t i = 0; i < order.size(); ++i) newIndex[order[i]] = static_cast<EventIndex>(i);
  return newIndex;
}

template <class T>
void release(std::vector<T>& column) {
  column = std::vector<T>();
}

}  // namespace

uint32_t TraceBuilder::addRank(Rank rank) {
  m_data.ranks.push_back(std::move(rank));
  return static_cast<uint32_t>(m_data.ranks.size() - 1);
}

TrackIndex TraceBuilder::addTrack(Track track) {
  m_data.tracks.push_back(std::move(track));
  return static_cast<TrackIndex>(m_data.tracks.size() - 1);
}

uint32_t addGroup(TraceData& data, ProcessGroup group) {
  const auto found = std::find(data.groups.begin(), data.groups.end(), group);
  if (found != data.groups.end()) return static_cast<uint32_t>(found - data.groups.begin());
  data.groups.push_back(std::move(group));
  return static_cast<uint32_t>(data.groups.size() - 1);
}

void TraceBuilder::reorderRanks(const std::vector<uint32_t>& order) {
  assert(order.size() == rankCount() && "an order names every rank once");
  std::vector<uint32_t> newIndex(order.size());
  std::vector<Rank> ranks;
  for (uint32_t i = 0; i < order.size(); ++i) {
    newIndex[order[i]] = i;
    ranks.push_back(std::move(m_data.ranks[order[i]]));
  }
  m_data.ranks = std::move(ranks);
  for (Rank& rank : m_data.ranks) {
    if (rank.hostRank != kNoIndex) rank.hostRank = newIndex[rank.hostRank];
  }
  for (Track& track : m_data.tracks) track.rank = newIndex[track.rank];
  for (CounterSeries& series : m_data.counters) series.rank = newIndex[series.rank];
}

EventIndex TraceBuilder::add(const NewEvent& event) {
  assert(!m_isPacked && "a packed builder takes no events");
  assert(event.durationNs >= 0 && "importers count and drop negative durations");
  assert(event.track < m_data.tracks.size() && "an event needs its track first");
  const auto index = static_cast<EventIndex>(eventCount());
  m_raw.begin.push_back(event.beginNs);
  m_raw.duration.push_back(event.durationNs);
  m_raw.name.push_back(event.name);
  m_raw.kind.push_back(event.kind);
  m_raw.argsRow.push_back(kNoIndex);
  m_raw.track.push_back(event.track);
  if (event.correlation != 0) m_correlations.emplace_back(index, event.correlation);
  return index;
}

EventIndex TraceBuilder::add(const NewEvent& event, const EventArgs& args) {
  const EventIndex index = add(event);
  setArgs(index, args);
  return index;
}

EventArgs TraceBuilder::argsOf(EventIndex event) const {
  const uint32_t row = m_raw.argsRow[event];
  return row == kNoIndex ? EventArgs{} : m_args[row];
}

void TraceBuilder::reserve(size_t events) {
  m_raw.begin.reserve(events);
  m_raw.duration.reserve(events);
  m_raw.name.reserve(events);
  m_raw.kind.reserve(events);
  m_raw.argsRow.reserve(events);
  m_raw.track.reserve(events);
}

void TraceBuilder::shift(int64_t byNs) {
  assert(!m_isPacked && "a packed builder keeps its times");
  for (int64_t& begin : m_raw.begin) begin += byNs;
  for (CounterSeries& series : m_data.counters) {
    for (int64_t& time : series.timesNs) time += byNs;
  }
}

// Launch of each event, in the builder's own order.
std::optional<std::vector<EventIndex>> TraceBuilder::linkedLaunches(const std::stop_token& stop) {
  // Correlation ids are unique inside one process only; a launch may have many GPU rows. Sorted,
  // because calls mostly are recorded in the order of their ids.
  struct Launch {
    uint32_t process;
    EventIndex event;
    uint64_t correlation;
  };
  const auto less = [](const Launch& a, const Launch& b) {
    return std::tie(a.process, a.correlation) < std::tie(b.process, b.correlation);
  };
  const auto processOf = [&](EventIndex e) {
    // Kineto's GPU rows carry the device as pid: the rank (one file, one process) is the process.
    const uint32_t rank = m_data.tracks[m_raw.track[e]].rank;
    const uint32_t hostRank = m_data.ranks[rank].hostRank;
    return hostRank == kNoIndex ? rank : hostRank;
  };
  std::vector<Launch> calls;
  for (const auto& [event, correlation] : m_correlations) {
    if (m_raw.kind[event] == EventKind::kRuntime)
      calls.push_back({processOf(event), event, correlation});
  }
  if (!polledStableSort(calls, less, stop)) return std::nullopt;
  std::vector<EventIndex> launches(eventCount(), kNoIndex);
  size_t done = 0;
  for (const auto& [event, correlation] : m_correlations) {
    if (++done % kBetweenPolls == 0 && stop.stop_requested()) return std::nullopt;
    if (m_raw.kind[event] == EventKind::kRuntime) continue;
    const Launch wanted{processOf(event), kNoIndex, correlation};
    const auto found = std::lower_bound(calls.begin(), calls.end(), wanted, less);
    if (found != calls.end() && !less(wanted, *found)) launches[event] = found->event;
  }
  release(m_correlations);
  for (EventIndex e = 0; e < eventCount(); ++e) {
    if (isGpuWork(m_raw.kind[e]) && launches[e] == kNoIndex)
      report().count(Defect::kGpuWorkWithoutLaunch);
  }
  return launches;
}

// By track, then (begin, longer first). Sets the tracks' ranges.
std::optional<std::vector<EventIndex>> TraceBuilder::sortedOrder(const std::stop_token& stop) {
  for (Track& track : m_data.tracks) track.firstEvent = track.eventCount = 0;
  for (const TrackIndex t : m_raw.track) ++m_data.tracks[t].eventCount;
  EventIndex next = 0;
  for (Track& track : m_data.tracks) {
    track.firstEvent = next;
    next += track.eventCount;
  }
  std::vector<EventIndex> order(eventCount());
  std::vector<EventIndex> free;
  for (const Track& track : m_data.tracks) free.push_back(track.firstEvent);
  for (EventIndex e = 0; e < eventCount(); ++e) order[free[m_raw.track[e]]++] = e;

  const auto less = [&](EventIndex a, EventIndex b) {
    if (m_raw.begin[a] != m_raw.begin[b]) return m_raw.begin[a] < m_raw.begin[b];
    return m_raw.duration[a] > m_raw.duration[b];
  };
  std::vector<EventIndex> ofTrack;
  for (const Track& track : m_data.tracks) {
    const auto first = order.begin() + track.firstEvent;
    const auto last = first + track.eventCount;
    if (stop.stop_requested()) return std::nullopt;
    if (std::is_sorted(first, last, less)) continue;
    ofTrack.assign(first, last);
    if (!polledStableSort(ofTrack, less, stop)) return std::nullopt;
    std::copy(ofTrack.begin(), ofTrack.end(), first);
  }
  return order;
}

void TraceBuilder::renumberFlows(const std::vector<EventIndex>& newIndex) {
  for (Flow& flow : m_data.flows) {
    flow.from = newIndex[flow.from];
    flow.to = newIndex[flow.to];
  }
  std::sort(m_data.flows.begin(), m_data.flows.end(), [](const Flow& a, const Flow& b) {
    return a.from != b.from ? a.from < b.from : a.to < b.to;
  });
}

bool TraceBuilder::packEvents(const std::vector<EventIndex>& order,
                              std::vector<EventIndex> launches, const std::stop_token& stop) {
  std::vector<EventIndex> newIndex = inverseOf(order);
  renumberFlows(newIndex);
  EventPacker packer;
  std::vector<uint32_t> argsRows(m_args.size(), kNoIndex);  // new row of each old one
  for (size_t i = 0; i < order.size(); ++i) {
    if (i % kBetweenPolls == 0 && stop.stop_requested()) return false;
    const EventIndex e = order[i];
    const uint32_t row = m_raw.argsRow[e];
    if (row != kNoIndex && argsRows[row] == kNoIndex) argsRows[row] = packer.pushArgs(m_args[row]);
    packer.push({.beginNs = m_raw.begin[e],
                 .durationNs = m_raw.duration[e],
                 .name = m_raw.name[e],
                 .kind = m_raw.kind[e],
                 .launch = launches[e] == kNoIndex ? kNoIndex : newIndex[launches[e]],
                 .argsRow = row == kNoIndex ? kNoIndex : argsRows[row]});
  }
  m_raw = {};
  m_args = {};
  release(newIndex);
  release(launches);
  m_data.events = std::move(packer).finish();
  return true;
}

bool TraceBuilder::pack(const std::stop_token& stop) {
  if (m_isPacked) return true;
  auto launches = linkedLaunches(stop);
  if (!launches) return false;
  auto order = sortedOrder(stop);
  if (!order || !packEvents(*order, std::move(*launches), stop)) return false;
  order.reset();
  auto activity = activityOf(m_data.events, trackEventsOf(m_data.tracks), stop);
  if (!activity) return false;
  m_data.activity = std::move(*activity);
  m_data.range = rangeOf(m_data.events);
  m_isPacked = true;
  return true;
}

std::shared_ptr<const Trace> TraceBuilder::finish() && {
  pack();
  m_data.names.shrink();
  return std::make_shared<const Trace>(std::move(m_data));
}

}  // namespace caracal::trace
