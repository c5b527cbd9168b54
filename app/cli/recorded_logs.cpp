#include "app/cli/recorded_logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <tuple>

#include "core/base/format.h"
#include "core/recorder/log_reader.h"

namespace caracal::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using recorder::Conversion;
using recorder::LogStart;
using recorder::SessionClock;

struct Log {
  fs::path path;
  LogStart start;
};

// The session's logs; those whose first bytes cannot be read are failures.
std::vector<Log> logsOf(const std::string& folder, uint64_t session, std::vector<Error>& failures) {
  std::vector<Log> logs;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() != recorder::kLogSuffix) continue;
    auto start = recorder::readLogStart(entry->path().string());
    if (!start) {
      failures.push_back(start.error());
    } else if (start->header.session == session) {
      logs.push_back({entry->path(), std::move(*start)});
    }
  }
  if (error) failures.push_back({ErrorCode::kIo, error.message(), folder});
  return logs;
}

std::optional<SessionClock> clockOf(const LogStart& start,
                                    const std::map<std::string, SessionClock>& clocks) {
  const auto boot = start.facts.find("bootId");
  const auto clock = boot == start.facts.end() ? clocks.end() : clocks.find(boot->second);
  return clock == clocks.end() ? start.clock : clock->second;
}

std::string rankText(const Conversion& process) {
  return process.launch.rank < 0 ? "-" : std::to_string(process.launch.rank);
}

std::string overheadText(const Conversion& process) {
  if (!process.overhead) return "not measured";
  return fmt::format("{:+.2f} % of a step", process.overhead->percent());
}

ordered_json processJson(const RecordedProcess& process) {
  const Conversion& c = process.conversion;
  ordered_json json{{"file", process.file},
                    {"pid", c.pid},
                    {"host", c.host},
                    {"launcher", c.launch.launcher},
                    {"rank", c.launch.rank},
                    {"kernels", c.kernels},
                    {"copies", c.copies},
                    {"sets", c.sets},
                    {"waits", c.waits},
                    {"apiCalls", c.apiCalls},
                    {"graphs", c.graphs},
                    {"ranges", c.ranges},
                    {"openRanges", c.openRanges},
                    {"steps", c.steps},
                    {"recordedSteps", c.recordedSteps},
                    {"reachedEnd", c.reachedEnd},
                    {"lostRecords", c.lostRecords()},
                    {"spanNs", c.spanNs},
                    {"writerCpuNs", c.writerCpuNs},
                    {"warnings", c.warnings}};
  json["overhead"] = nullptr;
  if (c.overhead) {
    json["overhead"] = {{"percent", c.overhead->percent()},
                        {"onNs", c.overhead->onNs},
                        {"offNs", c.overhead->offNs},
                        {"onSteps", c.overhead->onSteps},
                        {"offSteps", c.overhead->offSteps}};
  }
  return json;
}

void printWarnings(const RecordedProcess& process, Console& console) {
  const Conversion& c = process.conversion;
  const std::string who = fmt::format("pid {} on {}: ", c.pid, c.host);
  for (const std::string& warning : c.warnings) warn(console, who + warning);
  if (!c.reachedEnd && c.state == recorder::LogState::kOpen)
    warn(console,
         who + "the process was killed or is still running; recorded up to its last flush");
  for (uint32_t reason = 0; reason < recorder::kLossReasons; ++reason) {
    if (c.lost[reason] == 0) continue;
    warn(console, who + fmt::format("{} records dropped: {}", c.lost[reason],
                                    recorder::nameOf(static_cast<recorder::LossReason>(reason))));
  }
}

}  // namespace

RecordedRun convertLogs(const std::string& folder, uint64_t session, LogsAfterwards logs) {
  RecordedRun run;
  const std::vector<Log> found = logsOf(folder, session, run.failures);
  std::vector<LogStart> starts;
  std::vector<std::string> paths;
  for (const Log& log : found) {
    starts.push_back(log.start);
    paths.push_back(log.path.string());
  }
  auto clocks = recorder::sharedClocks(starts);
  recorder::followRealtime(paths, starts, clocks);
  for (const Log& log : found) {
    const std::string target = fs::path(log.path).replace_extension(".sqlite").string();
    auto converted = recorder::convertLog(log.path.string(), target, clockOf(log.start, clocks));
    if (!converted) {
      run.failures.push_back(converted.error());
      continue;
    }
    run.processes.push_back({target, std::move(*converted)});
    std::error_code ignored;
    if (logs == LogsAfterwards::kRemoved) fs::remove(log.path, ignored);
  }
  std::sort(run.processes.begin(), run.processes.end(),
            [](const RecordedProcess& a, const RecordedProcess& b) {
              return std::tuple(a.conversion.launch.rank, a.conversion.host, a.conversion.pid) <
                     std::tuple(b.conversion.launch.rank, b.conversion.host, b.conversion.pid);
            });
  return run;
}

void printRecorded(const RecordedRun& run, const std::string& folder, Console& console) {
  TextTable table{{"rank", "host", "pid", "GPU records", "ranges", "host calls", "dropped", "steps",
                   "span", "recorder's cost"},
                  {}};
  for (const RecordedProcess& process : run.processes) {
    const Conversion& c = process.conversion;
    table.rows.push_back({rankText(c), c.host, std::to_string(c.pid),
                          std::to_string(c.kernels + c.copies + c.sets + c.graphs),
                          std::to_string(c.ranges), std::to_string(c.apiCalls),
                          std::to_string(c.lostRecords()),
                          fmt::format("{} of {}", c.recordedSteps, c.steps),
                          formatDuration(c.spanNs), overheadText(c)});
  }
  if (!run.processes.empty()) console.err << table.render();
  for (const RecordedProcess& process : run.processes) printWarnings(process, console);
  for (const Error& failure : run.failures)
    warn(console, failure.text() + " (the log is kept; Caracal opens it as it is)");
  if (run.processes.empty() && run.failures.empty()) {
    warn(console,
         "nothing was recorded: no process of the command used CUDA or NVTX (a container or a "
         "launcher may not pass on the environment: CUDA_INJECTION64_PATH, NVTX_INJECTION64_PATH, "
         "CARACAL_RECORD_*)");
  } else {
    console.err << fmt::format("recorded in {}; `caracal info {}` says what it holds\n", folder,
                               folder);
  }
}

ordered_json recordedJson(const RecordedRun& run, const std::string& folder, int commandExitCode) {
  ordered_json document{{"schema", "caracal.record/1"},
                        {"folder", folder},
                        {"commandExitCode", commandExitCode},
                        {"processes", ordered_json::array()},
                        {"failures", ordered_json::array()}};
  for (const RecordedProcess& process : run.processes)
    document["processes"].push_back(processJson(process));
  for (const Error& failure : run.failures) document["failures"].push_back(failure.text());
  return document;
}

}  // namespace caracal::cli
