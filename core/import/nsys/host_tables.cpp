#include "core/import/nsys/host_tables.h"

namespace caracal::import::nsys {
namespace {

using trace::Defect;
using trace::EventKind;

enum HostColumn { kStart, kEnd, kThread, kName, kCorrelation };

// Rows of one host table as events of `kind`; trackOf(globalTid) says where they go.
template <class TrackOf>
Result<void> readHostTable(Reading& reading, const std::string& table, EventKind kind,
                           IdNames::Clean clean, const TrackOf& trackOf) {
  constexpr auto kCounted = Column::Missing::kCounted;
  CARACAL_TRY(rows, reading.file.select(table,
                                        {{"start", kCounted},
                                         {"end", kCounted},
                                         {"globalTid", kCounted},
                                         {"nameId", kCounted},
                                         {"correlationId"}},
                                        reading.report()));
  if (!rows) return {};
  trace::TraceBuilder& builder = reading.builder;
  IdNames names(reading.strings, builder, clean);
  const bool isCall = kind == EventKind::kRuntime;
  return forEachRow(reading, table, rows, [&] {
    const trace::TrackIndex track = trackOf(rows.integer(kThread));
    ++builder.rank(builder.track(track).rank).sourceRecords;
    const auto times = timesOf(rows, builder.report());
    // Calls have launched what may come much later.
    if (!times || (!isCall && isLeftOut(reading, *times))) return;
    builder.add({.track = track,
                 .kind = kind,
                 .name = names(rows.integer(kName)),
                 .beginNs = times->beginNs,
                 .durationNs = times->durationNs,
                 .correlation = isCall ? static_cast<uint64_t>(rows.integer(kCorrelation)) : 0});
  });
}

}  // namespace

Result<void> readApiCalls(Reading& reading) {
  const std::string table = "CUPTI_ACTIVITY_KIND_RUNTIME";
  if (!reading.file.has(table) && reading.builder.eventCount() > 0) {
    // A recording of `caracal record` lacks the table when host calls were not asked for.
    const bool isOwn = reading.file.has("CARACAL_PROCESS");
    if (!isOwn) reading.report().count(Defect::kMissingTable);
    reading.report().notes.push_back(
        (isOwn ? std::string("host calls were not recorded (caracal record --kinds +runtime)")
               : "no table " + table + " (profile with nsys profile --trace=cuda,nvtx)") +
        ": GPU work is not linked to its launches");
  }
  return readHostTable(reading, table, EventKind::kRuntime, withoutApiVersion,
                       [&](int64_t globalTid) { return reading.tracks.thread(globalTid); });
}

Result<void> readOverhead(Reading& reading) {
  // It does not nest with the calls it interrupts: a lane of its own.
  const auto trackOf = [&](int64_t globalTid) {
    return reading.tracks.lane(reading.tracks.rankOfThread(globalTid), trace::TrackKind::kOther,
                               "profiler overhead");
  };
  for (const char* const table : {"CUPTI_ACTIVITY_KIND_OVERHEAD", "PROFILER_OVERHEAD"}) {
    CARACAL_CHECK_OK(readHostTable(reading, table, EventKind::kOverhead, asStored, trackOf));
  }
  return {};
}

}  // namespace caracal::import::nsys
