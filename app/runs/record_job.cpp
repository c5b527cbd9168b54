#include "app/runs/record_job.h"

#include <fmt/format.h>

#include <filesystem>

namespace caracal::runs {

Result<std::vector<std::string>> recordCommand(const RecordJob& job, const std::string& caracal) {
  if (job.command.empty())
    return fail(ErrorCode::kInvalidInput, "name the command to record, such as python train.py");
  if (job.folder.empty()) return fail(ErrorCode::kInvalidInput, "name a folder for the recording");
  if (job.kinds == 0) return fail(ErrorCode::kInvalidInput, "choose at least one kind to record");
  if (!job.steps.empty() && !recorder::stepRangeFromText(job.steps))
    return fail(ErrorCode::kInvalidInput,
                "\"{}\" is no range of steps; give the first and the last one, as in 10-13",
                job.steps);
  std::vector<std::string> words;
  if (!job.environment.empty()) words.emplace_back("env");
  for (const std::string& entry : job.environment) {
    if (entry.find('=') == std::string::npos || entry.front() == '=')
      return fail(ErrorCode::kInvalidInput, "\"{}\" is no variable; write NAME=value", entry);
    words.push_back(entry);
  }
  words.insert(words.end(),
               {caracal, "record", "-o", job.folder, "--kinds", recorder::kindsText(job.kinds)});
  if (!job.steps.empty()) words.insert(words.end(), {"--step-range", job.steps});
  if (job.seconds > 0) words.insert(words.end(), {"--duration", fmt::format("{}", job.seconds)});
  words.emplace_back("--");
  words.insert(words.end(), job.command.begin(), job.command.end());
  return words;
}

Result<std::string> usableRecorder(const Result<device::RecorderReport>& report, uint32_t kinds) {
  if (!report) {
    Error error = report.error();
    error.code = ErrorCode::kUnsupported;
    error.message = "this build cannot record: " + error.message;
    return tl::unexpected(std::move(error));
  }
  const bool needsCupti = (kinds & ~recorder::kKindNvtx) != 0;
  if (needsCupti && !report->problem.empty()) {
    return fail(ErrorCode::kCannotAnswer,
                "nothing of the GPU can be recorded here: {}; `--kinds nvtx` records NVTX ranges "
                "alone",
                report->problem);
  }
  return std::filesystem::absolute(report->path).string();
}

}  // namespace caracal::runs
