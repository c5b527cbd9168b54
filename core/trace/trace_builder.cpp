#include "core/trace/trace_builder.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <set>
#include <tuple>

namespace caracal::trace {
namespace {

template <class T>
void reorder(std::vector<T>& column, const std::vector<EventIndex>& order) {
  std::vector<T> sorted;
  sorted.reserve(order.size());
  for (EventIndex from : order) sorted.push_back(column[from]);
  column = std::move(sorted);
}

}  // namespace

uint32_t TraceBuilder::addRank(Rank rank) {
  m_trace.m_ranks.push_back(std::move(rank));
  return static_cast<uint32_t>(m_trace.m_ranks.size() - 1);
}

TrackIndex TraceBuilder::addTrack(Track track) {
  m_trace.m_tracks.push_back(std::move(track));
  return static_cast<TrackIndex>(m_trace.m_tracks.size() - 1);
}

uint32_t TraceBuilder::addGroup(ProcessGroup group) {
  const auto found = std::find(m_trace.m_groups.begin(), m_trace.m_groups.end(), group);
  if (found != m_trace.m_groups.end())
    return static_cast<uint32_t>(found - m_trace.m_groups.begin());
  m_trace.m_groups.push_back(std::move(group));
  return static_cast<uint32_t>(m_trace.m_groups.size() - 1);
}

void TraceBuilder::reorderRanks(const std::vector<uint32_t>& order) {
  assert(order.size() == rankCount() && "an order names every rank once");
  std::vector<uint32_t> newIndex(order.size());
  std::vector<Rank> ranks;
  for (uint32_t i = 0; i < order.size(); ++i) {
    newIndex[order[i]] = i;
    ranks.push_back(std::move(m_trace.m_ranks[order[i]]));
  }
  m_trace.m_ranks = std::move(ranks);
  for (Rank& rank : m_trace.m_ranks) {
    if (rank.hostRank != kNoIndex) rank.hostRank = newIndex[rank.hostRank];
  }
  for (Track& track : m_trace.m_tracks) track.rank = newIndex[track.rank];
  for (CounterSeries& series : m_trace.m_counters) series.rank = newIndex[series.rank];
}

EventIndex TraceBuilder::add(const NewEvent& event) {
  assert(event.durationNs >= 0 && "importers count and drop negative durations");
  assert(event.track < m_trace.m_tracks.size() && "an event needs its track first");
  const auto index = static_cast<EventIndex>(eventCount());
  m_trace.m_begin.push_back(event.beginNs);
  m_trace.m_duration.push_back(event.durationNs);
  m_trace.m_name.push_back(event.name);
  m_trace.m_kind.push_back(event.kind);
  m_trace.m_argsOf.push_back(kNoIndex);
  m_trackOf.push_back(event.track);
  if (event.correlation != 0) m_correlations.emplace_back(index, event.correlation);
  return index;
}

EventIndex TraceBuilder::add(const NewEvent& event, const EventArgs& args) {
  const EventIndex index = add(event);
  setArgs(index, args);
  return index;
}

void TraceBuilder::setArgs(EventIndex event, const EventArgs& args) {
  uint32_t& slot = m_trace.m_argsOf[event];
  const bool isOwn = slot != kNoIndex && !(slot < m_isShared.size() && m_isShared[slot]);
  if (isOwn) {
    m_trace.m_args[slot] = args;
    return;
  }
  slot = static_cast<uint32_t>(m_trace.m_args.size());
  m_trace.m_args.push_back(args);
}

size_t TraceBuilder::ArgsHash::operator()(const EventArgs& args) const {
  // What shared arguments differ in; the rest is left to comparison.
  uint64_t hash = static_cast<uint64_t>(args.bytes);
  for (const uint64_t part :
       {uint64_t{args.detail}, args.externalId, static_cast<uint64_t>(args.step)}) {
    hash = (hash ^ part) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
  }
  return hash;
}

void TraceBuilder::shareArgs(EventIndex event, const EventArgs& args) {
  const auto [found, isNew] =
      m_sharedArgs.try_emplace(args, static_cast<uint32_t>(m_trace.m_args.size()));
  if (isNew) {
    m_trace.m_args.push_back(args);
    m_isShared.resize(m_trace.m_args.size(), false);
    m_isShared.back() = true;
  }
  m_trace.m_argsOf[event] = found->second;
}

EventArgs TraceBuilder::argsOf(EventIndex event) const {
  const uint32_t slot = m_trace.m_argsOf[event];
  return slot == kNoIndex ? EventArgs{} : m_trace.m_args[slot];
}

void TraceBuilder::reserve(size_t events) {
  m_trace.m_begin.reserve(events);
  m_trace.m_duration.reserve(events);
  m_trace.m_name.reserve(events);
  m_trace.m_kind.reserve(events);
  m_trace.m_argsOf.reserve(events);
  m_trackOf.reserve(events);
}

void TraceBuilder::shift(int64_t byNs) {
  for (int64_t& begin : m_trace.m_begin) begin += byNs;
  for (CounterSeries& series : m_trace.m_counters) {
    for (int64_t& time : series.timesNs) time += byNs;
  }
}

void TraceBuilder::linkLaunches() {
  m_trace.m_launch.assign(eventCount(), kNoIndex);
  // Correlation ids are unique inside one process only; a launch may have many GPU rows. Sorted,
  // because calls mostly are recorded in the order of their ids.
  struct Launch {
    uint32_t process;
    uint64_t correlation;
    EventIndex event;
    bool operator<(const Launch& other) const {
      return std::tie(process, correlation) < std::tie(other.process, other.correlation);
    }
  };
  const auto processOf = [&](EventIndex e) {
    // Kineto's GPU rows carry the device as pid: the rank (one file, one process) is the process.
    const uint32_t rank = m_trace.m_tracks[m_trackOf[e]].rank;
    const uint32_t hostRank = m_trace.m_ranks[rank].hostRank;
    return hostRank == kNoIndex ? rank : hostRank;
  };
  std::vector<Launch> launches;
  for (const auto& [event, correlation] : m_correlations) {
    if (m_trace.m_kind[event] == EventKind::kRuntime)
      launches.push_back({processOf(event), correlation, event});
  }
  if (!std::is_sorted(launches.begin(), launches.end()))
    std::stable_sort(launches.begin(), launches.end());
  for (const auto& [event, correlation] : m_correlations) {
    if (m_trace.m_kind[event] == EventKind::kRuntime) continue;
    const Launch wanted{processOf(event), correlation, kNoIndex};
    const auto found = std::lower_bound(launches.begin(), launches.end(), wanted);
    if (found != launches.end() && !(wanted < *found)) m_trace.m_launch[event] = found->event;
  }
  for (EventIndex e = 0; e < eventCount(); ++e) {
    if (isGpuWork(m_trace.m_kind[e]) && m_trace.m_launch[e] == kNoIndex) {
      report().count(Defect::kGpuWorkWithoutLaunch);
    }
  }
}

void TraceBuilder::sortEvents() {
  std::vector<EventIndex> order(eventCount());
  std::iota(order.begin(), order.end(), 0u);
  const auto& begin = m_trace.m_begin;
  const auto& duration = m_trace.m_duration;
  std::stable_sort(order.begin(), order.end(), [&](EventIndex a, EventIndex b) {
    if (m_trackOf[a] != m_trackOf[b]) return m_trackOf[a] < m_trackOf[b];
    if (begin[a] != begin[b]) return begin[a] < begin[b];
    return duration[a] > duration[b];
  });
  std::vector<EventIndex> newIndex(order.size());
  for (size_t i = 0; i < order.size(); ++i) newIndex[order[i]] = static_cast<EventIndex>(i);

  for (EventIndex& launch : m_trace.m_launch) {
    if (launch != kNoIndex) launch = newIndex[launch];
  }
  for (Flow& flow : m_trace.m_flows) {
    flow.from = newIndex[flow.from];
    flow.to = newIndex[flow.to];
  }
  std::sort(m_trace.m_flows.begin(), m_trace.m_flows.end(), [](const Flow& a, const Flow& b) {
    return a.from != b.from ? a.from < b.from : a.to < b.to;
  });
  reorder(m_trace.m_begin, order);
  reorder(m_trace.m_duration, order);
  reorder(m_trace.m_name, order);
  reorder(m_trace.m_kind, order);
  reorder(m_trace.m_argsOf, order);
  reorder(m_trace.m_launch, order);
  reorder(m_trackOf, order);

  for (Track& track : m_trace.m_tracks) track.firstEvent = track.eventCount = 0;
  for (TrackIndex t : m_trackOf) ++m_trace.m_tracks[t].eventCount;
  EventIndex next = 0;
  for (Track& track : m_trace.m_tracks) {
    track.firstEvent = next;
    next += track.eventCount;
  }
}

std::shared_ptr<const Trace> TraceBuilder::finish() && {
  linkLaunches();
  sortEvents();
  m_trackOf = {};
  m_correlations = {};
  m_sharedArgs = {};
  if (eventCount() > 0) {
    m_trace.m_range = {std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()};
    for (EventIndex e = 0; e < eventCount(); ++e) {
      m_trace.m_range.beginNs = std::min(m_trace.m_range.beginNs, m_trace.m_begin[e]);
      m_trace.m_range.endNs = std::max(m_trace.m_range.endNs, m_trace.endNs(e));
    }
  }
  m_trace.m_args.shrink_to_fit();
  return std::make_shared<const Trace>(std::move(m_trace));
}

void TraceBuilder::append(TraceBuilder&& other) {
  Trace& from = other.m_trace;
  const auto events = static_cast<EventIndex>(eventCount());
  const auto args = static_cast<uint32_t>(m_trace.m_args.size());
  const auto ranks = static_cast<uint32_t>(m_trace.m_ranks.size());
  const auto tracks = static_cast<TrackIndex>(m_trace.m_tracks.size());

  std::vector<NameId> names(from.m_names.size());
  for (NameId id = 0; id < names.size(); ++id) names[id] = intern(from.m_names[id]);
  std::vector<uint32_t> groups;
  for (ProcessGroup& group : from.m_groups) groups.push_back(addGroup(std::move(group)));

  for (Rank& rank : from.m_ranks) {
    if (rank.hostRank != kNoIndex) rank.hostRank += ranks;
    m_trace.m_ranks.push_back(std::move(rank));
  }
  for (Track& track : from.m_tracks) {
    track.rank += ranks;
    m_trace.m_tracks.push_back(std::move(track));
  }
  for (CounterSeries& series : from.m_counters) {
    series.rank += ranks;
    m_trace.m_counters.push_back(std::move(series));
  }
  for (EventArgs& arg : from.m_args) {
    arg.dtype = names[arg.dtype];
    arg.detail = names[arg.detail];
    if (arg.group != kNoIndex) arg.group = groups[arg.group];
    m_trace.m_args.push_back(arg);
  }
  reserve(events + from.m_begin.size());
  m_trace.m_begin.insert(m_trace.m_begin.end(), from.m_begin.begin(), from.m_begin.end());
  m_trace.m_duration.insert(m_trace.m_duration.end(), from.m_duration.begin(),
                            from.m_duration.end());
  m_trace.m_kind.insert(m_trace.m_kind.end(), from.m_kind.begin(), from.m_kind.end());
  for (NameId id : from.m_name) m_trace.m_name.push_back(names[id]);
  for (uint32_t slot : from.m_argsOf)
    m_trace.m_argsOf.push_back(slot == kNoIndex ? kNoIndex : slot + args);
  for (TrackIndex track : other.m_trackOf) m_trackOf.push_back(track + tracks);
  for (const auto& [event, correlation] : other.m_correlations) {
    m_correlations.emplace_back(event + events, correlation);
  }
  for (const Flow& flow : from.m_flows) {
    m_trace.m_flows.push_back({flow.from + events, flow.to + events, flow.kind});
  }
  m_trace.m_report.add(from.m_report);
  m_trace.m_meta.merge(from.m_meta);
}

std::shared_ptr<const Trace> TraceBuilder::merge(std::vector<TraceBuilder> builders) {
  if (builders.empty()) return std::move(TraceBuilder{}).finish();
  const auto firstRank = [](const TraceBuilder& b) {
    return b.m_trace.m_ranks.empty() ? std::numeric_limits<int32_t>::max()
                                     : b.m_trace.m_ranks.front().rank;
  };
  std::stable_sort(
      builders.begin(), builders.end(),
      [&](const TraceBuilder& a, const TraceBuilder& b) { return firstRank(a) < firstRank(b); });
  TraceBuilder whole = std::move(builders.front());
  for (size_t i = 1; i < builders.size(); ++i) {
    if (builders[i].m_trace.m_format != whole.m_trace.m_format) whole.m_trace.m_format = "mixed";
    whole.append(std::move(builders[i]));
    builders[i] = TraceBuilder{};
  }
  std::set<int32_t> taken;
  for (Rank& rank : whole.m_trace.m_ranks) {
    if (taken.count(rank.rank)) {
      whole.report().count(Defect::kDuplicateRank);
      while (taken.count(rank.rank)) ++rank.rank;
    }
    taken.insert(rank.rank);
  }
  return std::move(whole).finish();
}

}  // namespace caracal::trace
