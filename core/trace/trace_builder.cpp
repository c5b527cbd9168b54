#include "core/trace/trace_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <type_traits>

#include "core/base/format.h"
#include "core/trace/launch_links.h"
#include "core/trace/polled_sort.h"

namespace caracal::trace {

// Vectors copy what may throw when it moves, and a builder may be most of the memory.
static_assert(std::is_nothrow_move_constructible_v<TraceBuilder>);

namespace {

// Flows name events by their numbers in the builder; this finds their places in the Trace, which
// come in one after the other.
class FlowEnds {
 public:
  FlowEnds(const std::vector<Flow>& flows, size_t pages) : m_pages(flows.empty() ? 0 : pages) {
    for (const Flow& flow : flows) {
      for (const EventIndex e : {flow.from, flow.to}) {
        m_numbers.push_back(e);
        m_pages[EventStage::pageOf(e)] = true;
      }
    }
    std::sort(m_numbers.begin(), m_numbers.end());
    m_numbers.erase(std::unique(m_numbers.begin(), m_numbers.end()), m_numbers.end());
    m_places.resize(m_numbers.size(), kNoIndex);
  }
  void note(EventIndex number, EventIndex place) {
    if (m_numbers.empty() || !m_pages[EventStage::pageOf(number)]) return;
    const size_t i = indexOf(number);
    if (i < m_numbers.size() && m_numbers[i] == number) m_places[i] = place;
  }
  EventIndex placeOf(EventIndex number) const { return m_places[indexOf(number)]; }

 private:
  size_t indexOf(EventIndex number) const {
    return static_cast<size_t>(std::lower_bound(m_numbers.begin(), m_numbers.end(), number) -
                               m_numbers.begin());
  }
  std::vector<EventIndex> m_numbers;  // ascending
  std::vector<EventIndex> m_places;
  std::vector<bool> m_pages;  // whether a page holds any of them
};

void renumber(std::vector<Flow>& flows, const FlowEnds& ends) {
  for (Flow& flow : flows) flow = {ends.placeOf(flow.from), ends.placeOf(flow.to), flow.kind};
  std::erase_if(flows, [](const Flow& f) { return f.from == kNoIndex || f.to == kNoIndex; });
  std::sort(flows.begin(), flows.end(), [](const Flow& a, const Flow& b) {
    return a.from != b.from ? a.from < b.from : a.to < b.to;
  });
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

EventIndex TraceBuilder::addEvent(const NewEvent& event, uint32_t argsRow) {
  assert(!m_isPacked && "a packed builder takes no events");
  assert(event.durationNs >= 0 && "importers count and drop negative durations");
  assert(event.track < m_data.tracks.size() && "an event needs its track first");
  return m_stage.add(event.track, {event.beginNs, event.durationNs, event.correlation, event.name,
                                   argsRow, event.kind});
}

void TraceBuilder::setArgs(EventIndex event, const EventArgs& args) {
  StagedEvent changed = m_stage[event];
  changed.argsRow = m_args.intern(args);
  m_stage.set(event, changed);
}

EventArgs TraceBuilder::argsOf(EventIndex event) const {
  const uint32_t row = m_stage[event].argsRow;
  return row == kNoIndex ? EventArgs{} : m_args[row];
}

void TraceBuilder::setDuration(EventIndex event, int64_t durationNs) {
  StagedEvent changed = m_stage[event];
  changed.durationNs = durationNs;
  m_stage.set(event, changed);
}

void TraceBuilder::correlate(EventIndex event, uint64_t correlation) {
  StagedEvent changed = m_stage[event];
  if (changed.correlation != 0) {
    m_moreCorrelations.emplace_back(event, correlation);
    return;
  }
  changed.correlation = correlation;
  m_stage.set(event, changed);
}

void TraceBuilder::leaveOut(Span span) {
  report().count(Defect::kLeftOutByRequest);
  m_leftOut = {std::min(m_leftOut.beginNs, span.beginNs), std::max(m_leftOut.endNs, span.endNs)};
}

void TraceBuilder::shift(int64_t byNs) {
  assert(!m_isPacked && "a packed builder keeps its times");
  m_stage.shift(byNs);
  if (m_assumedBeginNs) *m_assumedBeginNs += byNs;
  if (m_leftOut.beginNs <= m_leftOut.endNs)
    m_leftOut = {m_leftOut.beginNs + byNs, m_leftOut.endNs + byNs};
  for (CounterSeries& series : m_data.counters) {
    for (int64_t& time : series.timesNs) time += byNs;
  }
}

// Correlation ids are unique inside one process only. Kineto's GPU rows carry the device as pid:
// the rank (one file, one process) is the process.
uint32_t TraceBuilder::processOf(TrackIndex track) const {
  const uint32_t rank = m_data.tracks[track].rank;
  const uint32_t hostRank = m_data.ranks[rank].hostRank;
  return hostRank == kNoIndex ? rank : hostRank;
}

bool TraceBuilder::packEvents(const std::stop_token& stop) {
  FlowEnds flowEnds(m_data.flows, m_stage.pageCount());
  std::sort(m_moreCorrelations.begin(), m_moreCorrelations.end());
  std::sort(m_dropped.begin(), m_dropped.end());
  EventPacker packer;
  LaunchLinks links;
  std::vector<uint32_t> argsRows(m_args.size(), kNoIndex);  // new row of each old one
  Span range = m_leftOut;
  for (TrackIndex t = 0; t < m_data.tracks.size(); ++t) {
    Track& track = m_data.tracks[t];
    links.beginTrack(processOf(t));
    track.firstEvent = static_cast<EventIndex>(packer.size());
    TrackCursor events(m_stage, t);
    EventIndex number = 0;
    for (StagedEvent event; events.next(number, event);) {
      if (packer.size() % kBetweenPolls == 0 && stop.stop_requested()) return false;
      if (std::binary_search(m_dropped.begin(), m_dropped.end(), number)) continue;
      flowEnds.note(number, static_cast<EventIndex>(packer.size()));
      uint32_t row = event.argsRow;
      if (row != kNoIndex) {
        if (argsRows[row] == kNoIndex) argsRows[row] = packer.pushArgs(m_args[row]);
        row = argsRows[row];
      }
      range = {std::min(range.beginNs, event.beginNs),
               std::max(range.endNs, event.beginNs + event.durationNs)};
      packer.pushUnlinked({.beginNs = event.beginNs,
                           .durationNs = event.durationNs,
                           .name = event.name,
                           .kind = event.kind,
                           .argsRow = row});
      links.push(event.kind, event.correlation);
      if (m_moreCorrelations.empty()) continue;
      auto more = std::lower_bound(m_moreCorrelations.begin(), m_moreCorrelations.end(),
                                   std::pair{number, uint64_t{0}});
      for (; more != m_moreCorrelations.end() && more->first == number; ++more)
        links.addCall(more->second);
    }
    track.eventCount = static_cast<EventIndex>(packer.size()) - track.firstEvent;
  }
  if (range.beginNs <= range.endNs) m_data.range = range;
  m_stage = {};
  m_args = {};
  renumber(m_data.flows, flowEnds);
  m_data.events = std::move(packer).finish();
  auto launches = std::move(links).link(stop);
  if (!launches) return false;
  m_data.events.launch = std::move(*launches);
  return true;
}

// Work whose launch is missing, or comes later than the work itself.
void TraceBuilder::checkLaunches(const std::stop_token& stop) {
  const EventStore& events = m_data.events;
  int64_t early = 0, mostNs = 0;
  for (EventIndex e = 0; e < events.size(); ++e) {
    if (e % kBetweenPolls == 0 && stop.stop_requested()) return;
    if (!isGpuWork(static_cast<EventKind>(events.kind[e]))) continue;
    const int64_t launch = events.launch[e] - 1;
    if (launch < 0) {
      report().count(Defect::kGpuWorkWithoutLaunch);
      continue;
    }
    const int64_t lateNs = events.begin[static_cast<size_t>(launch)] - events.begin[e];
    early += lateNs > 0 ? 1 : 0;
    mostNs = std::max(mostNs, lateNs);
  }
  if (early == 0) return;
  report().notes.push_back(
      fmt::format("{} pieces of GPU work begin before the call that launched them, by up to {}: "
                  "the clocks of host and device differ by that much",
                  early, formatDuration(mostNs)));
}

bool TraceBuilder::pack(const std::stop_token& stop) {
  if (m_isPacked) return true;
  if (!packEvents(stop)) return false;
  checkLaunches(stop);
  auto activity = activityOf(m_data.events, trackEventsOf(m_data.tracks), stop);
  if (!activity) return false;
  m_data.activity = std::move(*activity);
  m_isPacked = true;
  return true;
}

std::shared_ptr<const Trace> TraceBuilder::finish() && {
  pack();
  m_data.names.shrink();
  return std::make_shared<const Trace>(std::move(m_data));
}

}  // namespace caracal::trace
