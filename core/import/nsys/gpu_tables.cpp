#include "core/import/nsys/gpu_tables.h"

#include <array>

namespace caracal::import::nsys {
namespace {

using sqlite::Statement;
using trace::Defect;
using trace::EventArgs;
using trace::EventKind;
using trace::NameId;

// Every GPU table starts its SELECT with these, then come the reader's own columns.
enum GpuColumn { kStart, kEnd, kProcess, kDevice, kContext, kStream, kCorrelation, kFirstOwn };

std::vector<Column> withGpuColumns(std::initializer_list<Column> own) {
  constexpr auto kCounted = Column::Missing::kCounted;
  std::vector<Column> columns{
      {"start", kCounted},        {"end", kCounted}, {"globalPid", kCounted},
      {"deviceId", kCounted},     {"contextId"},     {"streamId", kCounted},
      {"correlationId", kCounted}};
  columns.insert(columns.end(), own);
  return columns;
}

StreamKey streamKeyOf(const Statement& row) {
  return {.process = row.integerIf(kProcess).value_or(kUnknownProcess),
          .device = static_cast<int32_t>(row.integer(kDevice)),
          .context = row.integer(kContext),
          .stream = row.integer(kStream)};
}

// Correlation ids mean something inside one process only: without it, none.
uint64_t correlationOf(const Statement& row, const StreamKey& stream) {
  return stream.process == kUnknownProcess ? 0 : static_cast<uint64_t>(row.integer(kCorrelation));
}

// Reads one table of GPU work. nameOf(row) and argsOf(row) say what is special about it.
template <class NameOf, class ArgsOf>
Result<void> readWork(Reading& reading, const std::string& table, EventKind kind,
                      std::initializer_list<Column> own, const NameOf& nameOf,
                      const ArgsOf& argsOf) {
  CARACAL_TRY(rows, reading.file.select(table, withGpuColumns(own), reading.report()));
  if (!rows) return {};
  trace::TraceBuilder& builder = reading.builder;
  return forEachRow(reading, table, rows, [&] {
    const StreamKey stream = streamKeyOf(rows);
    const trace::TrackIndex track = reading.tracks.stream(stream);
    ++builder.rank(builder.track(track).rank).sourceRecords;
    const auto times = timesOf(rows, builder.report());
    if (!times) return;
    // CUPTI's "unknown": start and end are 0.
    if (times->beginNs == 0 && times->durationNs == 0)
      return builder.report().count(Defect::kMissingTimestamp);
    if (isLeftOut(reading, *times)) return;
    const auto event = builder.add({.track = track,
                                    .kind = kind,
                                    .name = nameOf(rows),
                                    .beginNs = times->beginNs,
                                    .durationNs = times->durationNs,
                                    .correlation = correlationOf(rows, stream)});
    const EventArgs args = argsOf(rows);
    if (!(args == EventArgs{})) builder.setArgs(event, args);
  });
}

NameId unnamed(Reading& reading) {
  reading.report().count(Defect::kMissingName);
  return reading.builder.intern("(unnamed)");
}

// The full signature, as Kineto shows it; the bare name where that is not known. A row with an id
// that is in no table is counted even if the other name is there.
NameId kernelName(Reading& reading, IdNames& names, const Statement& row) {
  const auto full = row.integerIf(kFirstOwn), bare = row.integerIf(kFirstOwn + 1);
  if (!full && !bare) return unnamed(reading);
  if (!full || !bare || names.knows(*bare) == names.knows(*full))
    return names(full ? *full : *bare);
  reading.report().count(Defect::kUnresolvedNameId);
  return names(names.knows(*full) ? *full : *bare);
}

Result<void> readKernels(Reading& reading) {
  IdNames names(reading.strings, reading.builder, asStored);
  return readWork(
      reading, "CUPTI_ACTIVITY_KIND_KERNEL", EventKind::kKernel, {{"demangledName"}, {"shortName"}},
      [&](const Statement& row) { return kernelName(reading, names, row); },
      [](const Statement&) { return EventArgs{}; });
}

// CUPTI's copy kinds and memory kinds, by number.
constexpr std::array<const char*, 14> kCopyKinds{
    "",     "HtoD", "DtoH", "HtoA", "AtoH",         "AtoA",         "AtoD",
    "DtoA", "DtoD", "HtoH", "peer", "unified HtoD", "unified DtoH", "unified DtoD"};
constexpr std::array<const char*, 7> kMemoryKinds{
    "Pageable", "Pinned", "Device", "Array", "Managed", "Device Static", "Managed Static"};

template <size_t N>
std::string nameFor(const std::array<const char*, N>& names, const Statement& row, int column) {
  const int64_t kind = row.integer(column);
  if (row.isNull(column) || kind < 0 || kind >= static_cast<int64_t>(N)) return "";
  return names[static_cast<size_t>(kind)];
}

EventArgs bytesOf(const Statement& row) {
  EventArgs args;
  if (!row.isNull(kFirstOwn)) args.bytes = row.integer(kFirstOwn);
  return args;
}

Result<void> readCopies(Reading& reading) {
  const auto nameOf = [&](const Statement& row) {
    std::string name = "Memcpy";
    const std::string kind = nameFor(kCopyKinds, row, kFirstOwn + 1);
    if (!kind.empty()) name += " " + kind;
    const std::string from = nameFor(kMemoryKinds, row, kFirstOwn + 2);
    const std::string to = nameFor(kMemoryKinds, row, kFirstOwn + 3);
    if (!from.empty() && !to.empty()) name += " (" + from + " -> " + to + ")";
    return reading.builder.intern(name);
  };
  return readWork(reading, "CUPTI_ACTIVITY_KIND_MEMCPY", EventKind::kMemcpy,
                  {{"bytes"}, {"copyKind"}, {"srcKind"}, {"dstKind"}}, nameOf, bytesOf);
}

Result<void> readSets(Reading& reading) {
  const auto nameOf = [&](const Statement& row) {
    const std::string kind = nameFor(kMemoryKinds, row, kFirstOwn + 1);
    return reading.builder.intern(kind.empty() ? "Memset" : "Memset (" + kind + ")");
  };
  return readWork(reading, "CUPTI_ACTIVITY_KIND_MEMSET", EventKind::kMemset,
                  {{"bytes"}, {"memKind"}}, nameOf, bytesOf);
}

Result<void> readGraphs(Reading& reading) {
  const auto nameOf = [&](const Statement& row) {
    return reading.builder.intern(row.isNull(kFirstOwn)
                                      ? "CUDA graph"
                                      : fmt::format("CUDA graph {}", row.integer(kFirstOwn)));
  };
  return readWork(reading, "CUPTI_ACTIVITY_KIND_GRAPH_TRACE", EventKind::kGraph, {{"graphId"}},
                  nameOf, [](const Statement&) { return EventArgs{}; });
}

std::string_view waitName(const Statement& row) {
  constexpr std::array<std::string_view, 5> kNames{"Synchronize", "Event synchronize",
                                                   "Stream wait event", "Stream synchronize",
                                                   "Context synchronize"};
  const int64_t type = row.integer(kFirstOwn);
  return type > 0 && type < static_cast<int64_t>(kNames.size()) ? kNames[static_cast<size_t>(type)]
                                                                : kNames[0];
}

}  // namespace

Result<void> readGpuWork(Reading& reading) {
  CARACAL_CHECK_OK(readKernels(reading));
  CARACAL_CHECK_OK(readCopies(reading));
  CARACAL_CHECK_OK(readSets(reading));
  return readGraphs(reading);
}

Result<void> readSynchronization(Reading& reading) {
  const std::string table = "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION";
  CARACAL_TRY(rows, reading.file.select(table, withGpuColumns({{"syncType"}}), reading.report()));
  if (!rows) return {};
  trace::TraceBuilder& builder = reading.builder;
  return forEachRow(reading, table, rows, [&] {
    const StreamKey stream = streamKeyOf(rows);
    const trace::TrackIndex track = reading.tracks.streamByContext(stream);
    ++builder.rank(builder.track(track).rank).sourceRecords;
    const auto times = timesOf(rows, builder.report());
    if (!times || isLeftOut(reading, *times)) return;
    builder.add({.track = track,
                 .kind = EventKind::kSync,
                 .name = builder.intern(waitName(rows)),
                 .beginNs = times->beginNs,
                 .durationNs = times->durationNs,
                 .correlation = correlationOf(rows, stream)});
  });
}

// Event records have a time of their own only in recent exports, and only when it was asked for.
Result<void> readCudaEvents(Reading& reading) {
  const std::string table = "CUPTI_ACTIVITY_KIND_CUDA_EVENT";
  std::vector<Column> columns = withGpuColumns({{"eventId"}});
  columns[kStart] = {"timestamp"};
  columns[kEnd] = {"timestamp"};
  CARACAL_TRY(rows, reading.file.select(table, columns, reading.report()));
  if (!rows) return {};
  trace::TraceBuilder& builder = reading.builder;
  int64_t withoutTime = 0;
  const auto done = forEachRow(reading, table, rows, [&] {
    const StreamKey stream = streamKeyOf(rows);
    const trace::TrackIndex track = reading.tracks.streamByContext(stream);
    ++builder.rank(builder.track(track).rank).sourceRecords;
    if (rows.integer(kStart) == 0) {
      ++withoutTime;
      return;
    }
    const auto times = timesOf(rows, builder.report());
    if (!times) return;
    builder.add({.track = track,
                 .kind = EventKind::kCudaEvent,
                 .name = builder.intern(fmt::format("CUDA event {}", rows.integer(kFirstOwn))),
                 .beginNs = times->beginNs,
                 .correlation = correlationOf(rows, stream)});
  });
  if (withoutTime > 0) {
    builder.report().notes.push_back(
        fmt::format("{} CUDA event records carry no time and are not shown", withoutTime));
  }
  return done;
}

}  // namespace caracal::import::nsys
