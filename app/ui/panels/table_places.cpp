#include "app/ui/panels/table_places.h"

#include "app/ui/timeline/event_blocks.h"

namespace caracal::ui {
namespace {

using analysis::Cell;
using trace::EventIndex;

const Cell* cellOf(const analysis::DataTable& table, size_t row, std::string_view key) {
  for (size_t c = 0; c < table.columns.size(); ++c) {
    if (table.columns[c].key == key) return &table.rows[row][c];
  }
  return nullptr;
}

template <class T>
const T* valueOf(const analysis::DataTable& table, size_t row, std::string_view key) {
  const Cell* cell = cellOf(table, row, key);
  return cell == nullptr ? nullptr : std::get_if<T>(cell);
}

EventIndex lastComer(const analysis::MatchedCollective& call) {
  for (const analysis::CollectiveMember& member : call.members) {
    if (member.rankIndex == call.lastRankIndex) return member.event;
  }
  return trace::kNoIndex;
}

EventIndex findEvent(const trace::Trace& trace, int64_t rank, int64_t beginNs,
                     std::string_view name) {
  for (const trace::Track& track : trace.tracks()) {
    if (trace.ranks()[track.rank].rank != rank) continue;
    const EventIndex end = track.firstEvent + track.eventCount;
    for (EventIndex e = firstFrom(trace, track, beginNs); e < end && trace.beginNs(e) == beginNs;
         ++e) {
      if (trace.name(e) == name) return e;
    }
  }
  return trace::kNoIndex;
}

}  // namespace

EventIndex eventOfRow(const analysis::PreparedRun& run, const analysis::DataTable& table,
                      size_t row) {
  // One row a matched call, in their order.
  if (table.name == "collective-calls") return lastComer(run.collectives.matched[row]);
  const auto* rank = valueOf<int64_t>(table, row, "rank");
  const auto* start = valueOf<int64_t>(table, row, "startNs");
  const auto* name = valueOf<std::string>(table, row, "name");
  if (rank == nullptr || start == nullptr || name == nullptr) return trace::kNoIndex;
  return findEvent(*run.trace, *rank, *start, *name);
}

}  // namespace caracal::ui
