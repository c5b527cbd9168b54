#include "app/cli/load.h"

#include <sys/resource.h>

#include <algorithm>

#include "core/base/resources.h"

namespace caracal::cli {
namespace {

constexpr size_t kMostNotes = 8;

// What a figure could be wrong for must not need a second command to be seen. Notes say the file,
// the place and what to do.
void warnOfLosses(const trace::ImportReport& report, Console& console) {
  bool lost = false;
  for (const trace::Defect defect :
       {trace::Defect::kTruncatedInput, trace::Defect::kMissingTable, trace::Defect::kDuplicateRank,
        trace::Defect::kDroppedByRecorder}) {
    if (report.of(defect) == 0) continue;
    warn(console, trace::info(defect).description);
    lost = true;
  }
  if (!lost) return;
  const size_t shown = std::min(report.notes.size(), kMostNotes);
  for (size_t i = 0; i < shown; ++i) warn(console, report.notes[i]);
  if (shown < report.notes.size())
    warn(console, fmt::format("{} more notes: caracal info", report.notes.size() - shown));
}

}  // namespace

Result<import::LoadResult> loadRun(const std::vector<std::string>& paths, Console& console,
                                   const import::LoadOptions& options) {
  ProgressLine line(console);
  auto loaded = import::loadTraces(paths, options, console.stop, line.callback());
  if (loaded) {
    if (!loaded->cacheNote.empty()) warn(console, loaded->cacheNote);
    if (const int64_t left = loaded->trace->report().of(trace::Defect::kLeftOutByRequest);
        left > 0 || loaded->filesLeftOut > 0) {
      warn(console,
           fmt::format("part of the run: {} files were not read and {} events left out, as "
                       "asked",
                       loaded->filesLeftOut, left));
    }
    for (const Error& error : loaded->skipped) warn(console, "skipped " + error.text());
    warnOfLosses(loaded->trace->report(), console);
  }
  return loaded;
}

Result<analysis::CommNames> commNames(const std::string& path) {
  if (!path.empty()) return analysis::loadCommNames(path);
  CARACAL_TRY(shipped, findResource("comm_kernels.json"));
  return analysis::loadCommNames(shipped);
}

int64_t peakRssBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

}  // namespace caracal::cli
