#include "core/import/nsys/recorder_tables.h"

#include <charconv>

#include "core/recording/recording_schema.h"

namespace caracal::import::nsys {
namespace {

// A process that drives several devices has several ranks here; its launcher counts it as one.
void numberRank(Reading& reading) {
  const auto& meta = reading.builder.meta();
  const auto number = meta.find("rank");
  if (number == meta.end() || reading.builder.rankCount() != 1) return;
  const std::string& text = number->second;
  int32_t rank = -1;
  std::from_chars(text.data(), text.data() + text.size(), rank);
  if (rank < 0) return;
  reading.builder.rank(0).rank = rank;
  const auto launcher = meta.find("launcher");
  reading.builder.rank(0).foundBy = launcher == meta.end() ? "CARACAL_META" : launcher->second;
}

Result<void> nameGreenContexts(Reading& reading) {
  const std::string table = "TARGET_INFO_CUDA_CONTEXT_INFO";
  CARACAL_TRY(rows,
              reading.file.select(
                  table, {{"processId"}, {"contextId"}, {"isGreenContext"}, {"numMultiprocessors"}},
                  reading.report()));
  if (!rows) return {};
  return forEachRow(reading, table, rows, [&] {
    if (rows.integer(2) == 0) return;
    std::string text = fmt::format("green context {}", rows.integer(1));
    if (!rows.isNull(3)) text += fmt::format(", {} SMs", rows.integer(3));
    reading.tracks.nameContext(recording::globalPid(rows.integer(0)), rows.integer(1), text);
  });
}

}  // namespace

Result<void> readRecordedProcess(Reading& reading) {
  numberRank(reading);
  return nameGreenContexts(reading);
}

}  // namespace caracal::import::nsys
