#include "core/import/nsys/caracal_tables.h"

#include <algorithm>
#include <charconv>

#include "core/import/nsys/caracal_operators.h"
#include "core/recording/recording.h"

namespace caracal::import::nsys {
namespace {

using sqlite::Statement;
using trace::Defect;

Result<void> readMeta(Reading& reading) {
  if (!reading.file.has("CARACAL_META")) return {};
  CARACAL_TRY(rows, reading.file.select("CARACAL_META", {{"key"}, {"value"}}, reading.report()));
  auto& meta = reading.builder.meta();
  return forEachRow(reading, "CARACAL_META", rows,
                    [&] { meta[std::string(rows.text(0))] = std::string(rows.text(1)); });
}

Result<void> checkVersion(const std::string& text) {
  int version = 0;
  std::from_chars(text.data(), text.data() + text.size(), version);
  if (version >= 1 && version <= recording::kRecordingVersion) return {};
  return fail(
      ErrorCode::kUnsupported,
      "a Caracal recording of version {}; this program reads version {}, open it with a newer one",
      text.empty() ? "unknown" : text, recording::kRecordingVersion);
}

Result<RecordedRanks> readRanks(Reading& reading, const std::string& hardware,
                                const std::string& path) {
  RecordedRanks ranks;
  CARACAL_TRY(rows,
              reading.file.select(
                  "CARACAL_RANK",
                  {{"rank"}, {"stage"}, {"tensorIndex"}, {"dataIndex"}, {"host"}, {"globalTid"}},
                  reading.report()));
  if (!rows) return ranks;
  CARACAL_CHECK_OK(forEachRow(reading, "CARACAL_RANK", rows, [&] {
    RecordedRank rank{.number = static_cast<int32_t>(rows.integer(0)),
                      .stage = static_cast<int32_t>(rows.integer(1)),
                      .tensorIndex = static_cast<int32_t>(rows.integer(2)),
                      .dataIndex = static_cast<int32_t>(rows.integer(3))};
    rank.index = reading.builder.addRank({.rank = rank.number,
                                          .deviceKey = "cpu",
                                          .deviceName = hardware,
                                          .host = std::string(rows.text(4)),
                                          .file = path,
                                          .foundBy = "CARACAL_RANK",
                                          .stage = rank.stage,
                                          .tensorIndex = rank.tensorIndex,
                                          .dataIndex = rank.dataIndex});
    reading.tracks.assignThread(rows.integer(5), rank.index);
    ranks.numberAt[{rank.stage, rank.tensorIndex, rank.dataIndex}] = rank.number;
    ranks.byNumber[rank.number] = rank;
  }));
  return ranks;
}

Result<void> readMemory(Reading& reading, const RecordedRanks& ranks) {
  CARACAL_TRY(rows, reading.file.select("CARACAL_MEMORY", {{"time"}, {"rank"}, {"bytes"}},
                                        reading.report()));
  if (!rows) return {};
  std::map<uint32_t, std::vector<std::pair<int64_t, int64_t>>> samples;
  CARACAL_CHECK_OK(forEachRow(reading, "CARACAL_MEMORY", rows, [&] {
    const auto rank = ranks.byNumber.find(static_cast<int32_t>(rows.integer(1)));
    if (rank == ranks.byNumber.end()) {
      reading.report().count(Defect::kUnknownRank);
    } else if (const auto time = startOf(rows, reading.report())) {
      samples[rank->second.index].emplace_back(*time, rows.integer(2));
    }
  }));
  for (auto& [rank, points] : samples) {
    std::stable_sort(points.begin(), points.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    trace::CounterSeries series{.name = "memory", .unit = "bytes", .rank = rank};
    for (const auto& [time, bytes] : points) {
      series.timesNs.push_back(time);
      series.values.push_back(bytes);
    }
    reading.builder.addCounter(std::move(series));
  }
  return {};
}

// Says when the run recorded fewer steps than it was asked for: without `ended` it was killed, or
// still goes on.
void noteEarlyEnd(Reading& reading, size_t steps) {
  const auto& meta = reading.builder.meta();
  const auto asked = meta.find("stepsAsked");
  if (asked == meta.end()) return;
  const auto ended = meta.find("ended");
  if (ended == meta.end()) {
    reading.report().count(Defect::kTruncatedInput);
    reading.report().notes.push_back(
        fmt::format("the run was killed or still goes on: {} of {} steps are recorded; open it "
                    "again when it has "
                    "ended",
                    steps, asked->second));
  } else if (ended->second != "allSteps") {
    reading.report().notes.push_back(
        fmt::format("the run was stopped after {} of {} steps", steps, asked->second));
  }
}

// Losses and peaks of the steps as JSON arrays in the meta, in step order; a loss that was no
// number is null.
Result<void> readSteps(Reading& reading) {
  CARACAL_TRY(rows, reading.file.select("CARACAL_STEP", {{"step"}, {"loss"}, {"peakBytes"}},
                                        reading.report()));
  if (!rows) return {};
  std::map<int64_t, std::pair<std::string, int64_t>> steps;
  CARACAL_CHECK_OK(forEachRow(reading, "CARACAL_STEP", rows, [&] {
    steps[rows.integer(0)] = {rows.isNull(1) ? "null" : fmt::format("{:.17g}", rows.real(1)),
                              rows.integer(2)};
  }));
  std::string numbers, losses, peaks;
  for (const auto& [step, values] : steps) {
    const char* const comma = numbers.empty() ? "" : ",";
    numbers += fmt::format("{}{}", comma, step);
    losses += comma + values.first;
    peaks += fmt::format("{}{}", comma, values.second);
  }
  auto& meta = reading.builder.meta();
  meta["steps"] = "[" + numbers + "]";
  meta["losses"] = "[" + losses + "]";
  meta["peakBytes"] = "[" + peaks + "]";
  noteEarlyEnd(reading, steps.size());
  return {};
}

}  // namespace

Result<void> readRecordingMeta(Reading& reading) {
  CARACAL_CHECK_OK(readMeta(reading));
  auto& meta = reading.builder.meta();
  // Without the table nothing names a version; that it is lost has been counted.
  const bool hasMeta = reading.file.has("CARACAL_META");
  if (hasMeta) CARACAL_CHECK_OK(checkVersion(meta["recordingVersion"]));
  const auto tag = trace::tagFromName(meta["tag"]);
  if (!tag && hasMeta)
    reading.report().notes.push_back("unknown tag \"" + meta["tag"] + "\": shown as emulated");
  reading.builder.setTag(tag.value_or(trace::Tag::kEmulated));
  return {};
}

Result<RecordedRanks> readRecordingHead(Reading& reading, const std::string& path) {
  CARACAL_CHECK_OK(readRecordingMeta(reading));
  const auto& meta = reading.builder.meta();
  return readRanks(reading, meta.count("hardware") ? meta.at("hardware") : "", path);
}

Result<void> readRecordingRows(Reading& reading, const RecordedRanks& ranks) {
  CARACAL_CHECK_OK(readOperators(reading, ranks));
  CARACAL_CHECK_OK(readMemory(reading, ranks));
  return readSteps(reading);
}

}  // namespace caracal::import::nsys
