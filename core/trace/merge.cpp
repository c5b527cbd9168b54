// TraceBuilder::merge: packed builders put one behind the other.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>

#include "core/trace/freed_memory.h"
#include "core/trace/polled_sort.h"
#include "core/trace/trace_builder.h"

namespace caracal::trace {
namespace {

int32_t firstRankOf(const TraceData& data) {
  return data.ranks.empty() ? std::numeric_limits<int32_t>::max() : data.ranks.front().rank;
}

// A repeated rank number gets the next free one.
void makeRanksUnique(TraceData& whole) {
  std::map<int32_t, std::string> fileOf;  // by rank number
  for (Rank& rank : whole.ranks) {
    if (fileOf.count(rank.rank) > 0) {
      whole.report.count(Defect::kDuplicateRank);
      rank.claimedRank = rank.rank;
      while (fileOf.count(rank.rank) > 0) ++rank.rank;
      whole.report.notes.push_back(fmt::format(
          "{}: is rank {}, which {} is too; shown as rank {}. Open the files of one run "
          "only",
          rank.file, rank.claimedRank, fileOf[rank.claimedRank], rank.rank));
    }
    fileOf[rank.rank] = rank.file;
  }
}

bool selectParts(std::vector<TraceData>& parts, const Selection& selection,
                 const std::stop_token& stop) {
  int64_t runBeginNs = std::numeric_limits<int64_t>::max();
  for (const TraceData& part : parts) {
    // A part may have nothing but events that were left out while it was read.
    if (part.range != Span{}) runBeginNs = std::min(runBeginNs, part.range.beginNs);
  }
  for (TraceData& part : parts) {
    auto selected = select(std::move(part), selection, runBeginNs, stop);
    if (!selected) return false;
    part = std::move(*selected);
  }
  return true;
}

class Merger {
 public:
  // False: stopped. The part is spent and its memory given back.
  bool append(TraceData part, const std::stop_token& stop);
  TraceData finish() &&;

 private:
  bool appendEvents(const TraceData& part, const std::stop_token& stop);
  void appendTables(TraceData& part);
  void appendFacts(TraceData& part);

  TraceData m_whole;
  EventPacker m_events;
  std::vector<ActivityLeaf> m_leaves;
  std::vector<ActivityNode> m_nodes;
  bool m_isFirst = true;
  std::vector<NameId> m_names;     // new id of each of the part's names
  std::vector<uint32_t> m_groups;  // new index of each of the part's groups
};

bool Merger::appendEvents(const TraceData& part, const std::stop_token& stop) {
  const auto firstEvent = static_cast<EventIndex>(m_events.size());
  const EventStore& from = part.events;
  uint32_t firstRow = 0;
  for (size_t row = 0; row < from.args.size(); ++row) {
    if (row % kBetweenPolls == 0 && stop.stop_requested()) return false;
    EventArgs args = from.args[row];
    args.dtype = m_names[args.dtype];
    args.detail = m_names[args.detail];
    if (args.group != kNoIndex) args.group = m_groups[args.group];
    const uint32_t added = m_events.pushArgs(args);
    if (row == 0) firstRow = added;
  }
  const auto moved = [](int64_t plusOne, uint32_t by) {
    return plusOne == 0 ? kNoIndex : static_cast<uint32_t>(plusOne - 1) + by;
  };
  for (EventIndex e = 0; e < from.size(); ++e) {
    if (e % kBetweenPolls == 0 && stop.stop_requested()) return false;
    m_events.push({.beginNs = from.begin[e],
                   .durationNs = from.duration[e],
                   .name = m_names[static_cast<size_t>(from.name[e])],
                   .kind = static_cast<EventKind>(from.kind[e]),
                   .launch = moved(from.launch[e], firstEvent),
                   .argsRow = moved(from.argsRow[e], firstRow)});
  }
  return true;
}

void Merger::appendTables(TraceData& part) {
  const auto firstEvent = static_cast<EventIndex>(m_events.size());
  const auto firstRank = static_cast<uint32_t>(m_whole.ranks.size());
  for (Rank& rank : part.ranks) {
    if (rank.hostRank != kNoIndex) rank.hostRank += firstRank;
    m_whole.ranks.push_back(std::move(rank));
  }
  for (Track& track : part.tracks) {
    track.rank += firstRank;
    track.firstEvent += firstEvent;
    m_whole.tracks.push_back(std::move(track));
  }
  for (CounterSeries& series : part.counters) {
    series.rank += firstRank;
    m_whole.counters.push_back(std::move(series));
  }
  for (const Flow& flow : part.flows)
    m_whole.flows.push_back({flow.from + firstEvent, flow.to + firstEvent, flow.kind});
  m_names.resize(part.names.size());
  for (NameId id = 0; id < m_names.size(); ++id) m_names[id] = m_whole.names.intern(part.names[id]);
  m_groups.clear();
  for (ProcessGroup& group : part.groups) m_groups.push_back(addGroup(m_whole, std::move(group)));
}

void Merger::appendFacts(TraceData& part) {
  m_whole.report.add(part.report);
  m_whole.meta.merge(part.meta);
  if (m_isFirst) {
    m_whole.tag = part.tag;
    m_whole.format = part.format;
    m_isFirst = false;
  } else if (m_whole.format != part.format) {
    m_whole.format = "mixed";
  }
  if (part.events.size() == 0) return;
  if (m_events.size() == 0) m_whole.range = part.range;
  m_whole.range = {std::min(m_whole.range.beginNs, part.range.beginNs),
                   std::max(m_whole.range.endNs, part.range.endNs)};
}

bool Merger::append(TraceData part, const std::stop_token& stop) {
  appendFacts(part);
  appendTables(part);
  // Of a track, so they hold wherever it stands.
  m_leaves.insert(m_leaves.end(), part.activity.leaves().begin(), part.activity.leaves().end());
  m_nodes.insert(m_nodes.end(), part.activity.nodes().begin(), part.activity.nodes().end());
  return appendEvents(part, stop);
}

TraceData Merger::finish() && {
  m_whole.events = std::move(m_events).finish();
  m_whole.activity = {trackEventsOf(m_whole.tracks), SharedArray(std::move(m_leaves)),
                      SharedArray(std::move(m_nodes))};
  return std::move(m_whole);
}

}  // namespace

std::shared_ptr<const Trace> TraceBuilder::merge(std::vector<TraceBuilder> builders,
                                                 const std::stop_token& stop,
                                                 const Selection& selection) {
  std::vector<TraceData> parts;
  parts.reserve(builders.size());
  for (TraceBuilder& builder : builders) {
    if (!builder.pack(stop)) return nullptr;
    parts.push_back(std::move(builder.m_data));
  }
  builders.clear();
  std::stable_sort(parts.begin(), parts.end(), [](const TraceData& a, const TraceData& b) {
    return firstRankOf(a) < firstRankOf(b);
  });
  if (!selection.takesAll() && !selectParts(parts, selection, stop)) return nullptr;
  TraceData whole;
  if (parts.size() == 1) {
    whole = std::move(parts.front());
  } else {
    Merger merger;
    for (TraceData& part : parts) {
      if (!merger.append(std::exchange(part, {}), stop)) return nullptr;
      giveBackFreedMemory();
    }
    whole = std::move(merger).finish();
  }
  makeRanksUnique(whole);
  whole.names.shrink();
  return std::make_shared<const Trace>(std::move(whole));
}

}  // namespace caracal::trace
