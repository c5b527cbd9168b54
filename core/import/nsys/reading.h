// What the readers of single tables share while one file is read, and the loop over a table's rows.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "core/base/progress.h"
#include "core/import/nsys/id_names.h"
#include "core/import/nsys/nsys_file.h"
#include "core/import/nsys/track_directory.h"
#include "core/trace/early_cut.h"
#include "core/trace/trace_builder.h"

namespace caracal::import::nsys {

// Progress over all tables of a file, by rows.
struct RowProgress {
  const Progress& progress;
  int64_t total = 0;
  int64_t done = 0;
  void advance(int64_t rows) {
    done += rows;
    if (total > 0)
      report(progress, std::min(1.0, static_cast<double>(done) / static_cast<double>(total)),
             "reading");
  }
};

struct Reading {
  const NsysFile& file;
  trace::TraceBuilder& builder;
  StringIds& strings;
  TrackDirectory& tracks;
  std::stop_token stop;
  RowProgress& progress;
  trace::EarlyCut& cut;

  trace::ImportReport& report() { return builder.report(); }
};

inline constexpr int64_t kRowsBetweenPolls = 4096;

// Calls onRow for every row. A page that cannot be read ends the table, not the load: counted, and
// said.
template <class OnRow>
Result<void> forEachRow(Reading& reading, const std::string& table, sqlite::Statement& rows,
                        OnRow&& onRow) {
  for (int64_t count = 1;; ++count) {
    const int code = stepRow(rows);
    if (code == SQLITE_DONE) return {};
    const bool poll = code != SQLITE_ROW || count % kRowsBetweenPolls == 0;
    if (poll && reading.stop.stop_requested()) {
      return fail(ErrorCode::kCancelled, "loading was cancelled");
    }
    if (code != SQLITE_ROW) {
      reading.report().count(trace::Defect::kTruncatedInput);
      const std::string what = fmt::format("{} is incomplete after row {}", table, count - 1);
      reading.report().notes.push_back(fmt::format(
          "{}; {}", reading.file.database().lastError(what).message, reading.file.remedy()));
      return {};
    }
    if (count % kRowsBetweenPolls == 0) reading.progress.advance(kRowsBetweenPolls);
    onRow();
  }
}

struct Times {
  int64_t beginNs = 0;
  int64_t durationNs = 0;
};

// Whether an event ends before what was asked for; it is then counted, and its row needs no more
// reading. Ranks and tracks are made of all rows, so that a part has those of the whole.
inline bool isLeftOut(Reading& reading, Times times) {
  const Span span{times.beginNs, times.beginNs + times.durationNs};
  if (reading.cut.takes(span)) return false;
  reading.builder.leaveOut(span);
  return true;
}

// Neither session time nor epoch time comes near this; beyond it sums could overflow.
inline constexpr int64_t kLatestNs = int64_t{1} << 61;

// Column 0, start. Nothing when the row cannot be placed in time: counted.
inline std::optional<int64_t> startOf(const sqlite::Statement& row, trace::ImportReport& report) {
  const auto begin = row.integerIf(0);
  if (begin && *begin <= kLatestNs && *begin >= -kLatestNs) return begin;
  report.count(trace::Defect::kMissingTimestamp);
  return std::nullopt;
}

// Columns 0 and 1, start and end. Nothing when there is no such span: counted.
inline std::optional<Times> timesOf(const sqlite::Statement& row, trace::ImportReport& report) {
  const auto begin = startOf(row, report);
  if (!begin) return std::nullopt;
  const auto end = row.integerIf(1);
  if (!end) {
    report.count(trace::Defect::kMissingDuration);
    return Times{*begin, 0};
  }
  if (*end < *begin || *end > kLatestNs) {
    report.count(trace::Defect::kNegativeDuration);
    return std::nullopt;
  }
  return Times{*begin, *end - *begin};
}

}  // namespace caracal::import::nsys
