// caracal record: runs a command with the recorder loaded into its CUDA processes, and turns their
// logs into recordings.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "app/cli/observed_command.h"
#include "app/cli/recorded_logs.h"
#include "app/cli/verbs.h"
#include "app/runs/record_job.h"
#include "core/recorder/options.h"

namespace caracal::cli {
namespace {

namespace fs = std::filesystem;
using recorder::RecordOptions;

struct Options {
  RecordOptions record;
  std::string kinds = recorder::kindsText(recorder::kDefaultKinds);
  std::string steps;
  double seconds = 0;
  bool append = false;
  bool keepLogs = false;
  bool json = false;
  std::vector<std::string> command;
};

constexpr const char* kCudaInjection = "CUDA_INJECTION64_PATH";
constexpr const char* kNvtxInjection = "NVTX_INJECTION64_PATH";

// The texts of the command line as numbers; says which one is wrong.
Result<RecordOptions> recordOptions(const Options& options) {
  RecordOptions record = options.record;
  const auto kinds = recorder::kindsFromText(options.kinds);
  if (!kinds) {
    return fail(ErrorCode::kInvalidInput,
                "--kinds {}: name some of {}, with commas; a leading + adds to the default",
                options.kinds, recorder::allKindsText());
  }
  record.kinds = *kinds;
  if (!options.steps.empty()) {
    record.steps = recorder::stepRangeFromText(options.steps);
    if (!record.steps) {
      return fail(ErrorCode::kInvalidInput,
                  "--step-range {}: give the first and the last step, as in 10-13", options.steps);
    }
  }
  constexpr double kMsPerSecond = 1000;
  record.durationMs = std::llround(options.seconds * kMsPerSecond);
  record.folder = fs::absolute(record.folder).lexically_normal().string();
  std::random_device random;
  record.session = (uint64_t{random()} << 32) | random();
  return record;
}

Result<void> prepareFolder(const Options& options, const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    return fail(ErrorCode::kIo, "{}: the folder cannot be made: {}", folder, error.message());
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string extension = entry->path().extension();
    if (options.append || (extension != recorder::kLogSuffix && extension != ".sqlite")) continue;
    return fail(ErrorCode::kInvalidInput,
                "{} holds a recording already ({}); choose another folder, or --append where "
                "several hosts record one run into it",
                folder, entry->path().filename().string());
  }
  if (error)
    return fail(ErrorCode::kIo, "{}: the folder cannot be read: {}", folder, error.message());
  return {};
}

void warnOfOtherTools(const std::string& library, Console& console) {
  for (const char* const name : {kCudaInjection, kNvtxInjection}) {
    const char* const value = std::getenv(name);
    if (value && *value && value != library)
      warn(console, fmt::format("{} was {}: replaced for this command", name, value));
  }
}

Result<ExitCode> runRecord(const Options& options, Console& console) {
  CARACAL_TRY(record, recordOptions(options));
  if (!record.cupti.empty()) ::setenv("CARACAL_CUPTI", record.cupti.c_str(), 1);
  CARACAL_TRY(library, runs::usableRecorder(device::queryRecorder(), record.kinds));
  CARACAL_CHECK_OK(prepareFolder(options, record.folder));
  warnOfOtherTools(library, console);
  auto environment = recorder::environmentFor(record);
  environment.emplace_back(kCudaInjection, library);
  environment.emplace_back(kNvtxInjection, library);
  CARACAL_TRY(status, runObserved(options.command, environment));

  const RecordedRun run =
      convertLogs(record.folder, record.session,
                  options.keepLogs ? LogsAfterwards::kKept : LogsAfterwards::kRemoved);
  if (options.json) {
    printJson(console, recordedJson(run, record.folder, status.exitCode));
  } else {
    printRecorded(run, record.folder, console);
  }
  if (status.signal != 0)
    warn(console, fmt::format("the command was ended by signal {}", status.signal));
  // The command's own failure is what a script wants to know first.
  if (status.exitCode == 0 && !run.failures.empty()) return ExitCode::kFailed;
  return static_cast<ExitCode>(status.exitCode);
}

}  // namespace

VerbRun declareRecord(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("-o,--output", options->record.folder, "folder for the recordings")
      ->required();
  command
      .add_option(
          "--kinds", options->kinds,
          "what to record: " + recorder::allKindsText() + "; a leading + adds to the default")
      ->capture_default_str();
  command.add_option("--step-range", options->steps,
                     "record these steps only, as in 10-13; steps are NVTX ranges step:<n> in "
                     "domain caracal, ProfilerStep#<n>, or what --step-marker says");
  command.add_option("--step-marker", options->record.stepMarker,
                     "NVTX ranges that begin with this text begin steps, counted from 0");
  command
      .add_option("--duration", options->seconds,
                  "seconds after which each process stops recording")
      ->check(CLI::PositiveNumber);
  command
      .add_option("--overhead-steps", options->record.overheadSteps,
                  "leave out blocks of so many steps three times, to measure what recording costs")
      ->check(CLI::Range(2, 1'000'000));
  command
      .add_option("--flush-ms", options->record.flushMs,
                  "milliseconds between flushes: what a kill -9 may cost")
      ->check(CLI::Range(10, 600'000))
      ->capture_default_str();
  command.add_option("--cupti", options->record.cupti, "CUPTI library to load")
      ->check(CLI::ExistingFile);
  command.add_flag("--append", options->append, "the folder may hold recordings of other hosts");
  command.add_flag("--keep-logs", options->keepLogs,
                   "keep the recorder's logs beside the recordings");
  command.add_flag("--json", options->json, "print one JSON document when the command has ended");
  command.add_option("command", options->command, "the command, behind --")
      ->required()
      ->expected(-1);
  return [options](Console& console) { return runRecord(*options, console); };
}

}  // namespace caracal::cli
