#include "core/trace/selection.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/trace/polled_sort.h"

namespace caracal::trace {
namespace {

class Selector {
 public:
  Selector(TraceData data, const Selection& selection, int64_t runBeginNs)
      : m_from(std::move(data)), m_selection(selection) {
    // Sums with any event's time stay inside 64 bits.
    const auto inside = [](int64_t ns) { return std::clamp<int64_t>(ns, 0, int64_t{1} << 61); };
    if (selection.fromNs) m_window.beginNs = runBeginNs + inside(*selection.fromNs);
    if (selection.toNs) m_window.endNs = runBeginNs + inside(*selection.toNs);
  }

  std::optional<TraceData> run(const std::stop_token& stop) {
    selectRanks();
    m_newIndex.assign(m_from.events.size(), kNoIndex);
    numberEvents();
    if (stop.stop_requested() || !packEvents(stop) || !summarize(stop)) return std::nullopt;
    selectFlows();
    selectCounters();
    m_to.report.count(Defect::kLeftOutByRequest,
                      static_cast<int64_t>(m_from.events.size() - m_to.events.size()));
    return std::move(m_to);
  }

 private:
  void selectRanks();
  bool takes(EventIndex e) const;
  void numberEvents();
  bool packEvents(const std::stop_token& stop);
  bool summarize(const std::stop_token& stop);
  void selectFlows();
  void selectCounters();

  TraceData m_from;
  const Selection& m_selection;
  Span m_window{std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()};
  std::vector<uint32_t> m_newRank;  // kNoIndex: left out
  std::vector<EventIndex> m_newIndex;
  TraceData m_to;
};

// Also moves over what no selection changes.
void Selector::selectRanks() {
  m_newRank.assign(m_from.ranks.size(), kNoIndex);
  for (uint32_t r = 0; r < m_from.ranks.size(); ++r) {
    if (!m_selection.takesRank(m_from.ranks[r].rank)) continue;
    m_newRank[r] = static_cast<uint32_t>(m_to.ranks.size());
    m_to.ranks.push_back(m_from.ranks[r]);
  }
  for (Rank& rank : m_to.ranks) {
    if (rank.hostRank != kNoIndex) rank.hostRank = m_newRank[rank.hostRank];
  }
  m_to.groups = std::move(m_from.groups);
  m_to.names = std::move(m_from.names);
  m_to.report = std::move(m_from.report);
  m_to.meta = std::move(m_from.meta);
  m_to.format = std::move(m_from.format);
  m_to.tag = m_from.tag;
}

bool Selector::takes(EventIndex e) const {
  if (!m_selection.takesKind(static_cast<EventKind>(m_from.events.kind[e]))) return false;
  const int64_t begin = m_from.events.begin[e];
  const int64_t duration = m_from.events.duration[e];
  return begin < m_window.endNs &&
         (begin >= m_window.beginNs || begin + duration > m_window.beginNs);
}

void Selector::numberEvents() {
  EventIndex next = 0;
  for (const Track& track : m_from.tracks) {
    if (m_newRank[track.rank] == kNoIndex) continue;
    Track kept = track;
    kept.rank = m_newRank[track.rank];
    kept.firstEvent = next;
    for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      if (takes(e)) m_newIndex[e] = next++;
    }
    kept.eventCount = next - kept.firstEvent;
    m_to.tracks.push_back(std::move(kept));
  }
}

bool Selector::packEvents(const std::stop_token& stop) {
  const EventStore& from = m_from.events;
  std::vector<uint32_t> newRow(from.args.size(), kNoIndex);
  EventPacker packer;
  for (EventIndex e = 0; e < from.size(); ++e) {
    if (e % kBetweenPolls == 0 && stop.stop_requested()) return false;
    if (m_newIndex[e] == kNoIndex) continue;
    const int64_t row = from.argsRow[e] - 1;
    if (row >= 0 && newRow[static_cast<size_t>(row)] == kNoIndex)
      newRow[static_cast<size_t>(row)] = packer.pushArgs(from.args[static_cast<size_t>(row)]);
    const int64_t launch = from.launch[e] - 1;
    packer.push({.beginNs = from.begin[e],
                 .durationNs = from.duration[e],
                 .name = static_cast<NameId>(from.name[e]),
                 .kind = static_cast<EventKind>(from.kind[e]),
                 .launch = launch < 0 ? kNoIndex : m_newIndex[static_cast<size_t>(launch)],
                 .argsRow = row < 0 ? kNoIndex : newRow[static_cast<size_t>(row)]});
  }
  m_to.events = std::move(packer).finish();
  return true;
}

bool Selector::summarize(const std::stop_token& stop) {
  auto activity = activityOf(m_to.events, trackEventsOf(m_to.tracks), stop);
  if (!activity) return false;
  m_to.activity = std::move(*activity);
  m_to.range = rangeOf(m_to.events);
  return true;
}

void Selector::selectFlows() {
  for (const Flow& flow : m_from.flows) {
    const EventIndex from = m_newIndex[flow.from], to = m_newIndex[flow.to];
    if (from != kNoIndex && to != kNoIndex) m_to.flows.push_back({from, to, flow.kind});
  }
}

void Selector::selectCounters() {
  for (CounterSeries& series : m_from.counters) {
    if (m_newRank[series.rank] == kNoIndex) continue;
    CounterSeries kept{series.name, series.unit, m_newRank[series.rank], series.device, {}, {}};
    for (size_t i = 0; i < series.timesNs.size(); ++i) {
      if (series.timesNs[i] < m_window.beginNs || series.timesNs[i] >= m_window.endNs) continue;
      kept.timesNs.push_back(series.timesNs[i]);
      kept.values.push_back(series.values[i]);
    }
    m_to.counters.push_back(std::move(kept));
  }
}

}  // namespace

bool Selection::takesRank(int32_t rank) const {
  return ranks.empty() || std::any_of(ranks.begin(), ranks.end(), [&](const RankRange& range) {
           return rank >= range.first && rank <= range.last;
         });
}

bool Selection::takesKind(EventKind kind) const {
  return kinds.empty() || std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

std::string Selection::text() const {
  std::string text;
  for (const RankRange& range : ranks) text += fmt::format("rank {}-{};", range.first, range.last);
  if (fromNs) text += fmt::format("from {};", *fromNs);
  if (toNs) text += fmt::format("to {};", *toNs);
  for (const EventKind kind : kinds) text += fmt::format("kind {};", name(kind));
  return text;
}

std::optional<TraceData> select(TraceData data, const Selection& selection, int64_t runBeginNs,
                                const std::stop_token& stop) {
  return Selector(std::move(data), selection, runBeginNs).run(stop);
}

}  // namespace caracal::trace
