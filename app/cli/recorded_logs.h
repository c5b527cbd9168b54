// The logs that the processes of one `caracal record` left behind, turned into recordings, and what
// there is to say about them.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "app/cli/console.h"
#include "core/recorder/log_conversion.h"

namespace caracal::cli {

struct RecordedProcess {
  std::string file;  // the recording
  recorder::Conversion conversion;
};

struct RecordedRun {
  std::vector<RecordedProcess> processes;  // by rank, then pid
  std::vector<Error> failures;             // logs that could not be converted; they are still there
};

enum class LogsAfterwards : uint8_t { kRemoved, kKept };

// Logs of other sessions in the folder are left alone.
RecordedRun convertLogs(const std::string& folder, uint64_t session, LogsAfterwards logs);

// A table with a row for each process, and warnings, on `err`: `out` is the command's.
void printRecorded(const RecordedRun& run, const std::string& folder, Console& console);
nlohmann::ordered_json recordedJson(const RecordedRun& run, const std::string& folder,
                                    int commandExitCode);

}  // namespace caracal::cli
