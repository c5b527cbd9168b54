#include "app/runs/measure_job.h"

#include <unistd.h>

#include "app/runs/program.h"
#include "app/runs/run_progress.h"
#include "core/profile/link_text.h"

namespace caracal::runs {

std::vector<std::string> runArguments(const MeasureJob& job, const profile::Profile& profile) {
  std::vector<std::string> arguments{"--plan",    job.plan,     "--profile",
                                     job.profile, "--steps",    std::to_string(job.steps),
                                     "--record",  job.recording};
  if (job.distributedOptimizer) arguments.emplace_back("--distributed-optimizer");
  if (!job.clock.empty()) arguments.insert(arguments.end(), {"--clock", job.clock});
  if (!job.backend.empty()) arguments.insert(arguments.end(), {"--backend", job.backend});
  const auto addLink = [&](const char* name, const std::optional<profile::Link>& asked,
                           const profile::Link& ofProfile) {
    if (!asked && ofProfile.bytesPerSecond <= 0) return;
    arguments.insert(arguments.end(), {name, profile::linkText(asked.value_or(ofProfile))});
  };
  addLink("--link-tensor", job.tensorLink, profile.tensorLink);
  addLink("--link-pipeline", job.pipelineLink, profile.pipelineLink);
  addLink("--link-data", job.dataLink, profile.dataLink);
  return arguments;
}

Result<std::vector<std::string>> commandOf(const std::string& caracalRun,
                                           const std::vector<std::string>& arguments,
                                           int32_t processes) {
  std::vector<std::string> command;
  if (processes > 0) {
    CARACAL_TRY(launcher, findProgram("mpirun"));
    command = {launcher, "-n", std::to_string(processes), "--oversubscribe"};
    if (::geteuid() == 0) command.emplace_back("--allow-run-as-root");
  }
  command.push_back(caracalRun);
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

Result<std::vector<std::string>> runCommand(const MeasureJob& job,
                                            const profile::Profile& profile) {
  CARACAL_TRY(program, findProgram("caracal-run"));
  return commandOf(program, runArguments(job, profile),
                   job.processes ? profile.parallel.ranks() : 0);
}

Result<void> train(const std::vector<std::string>& command, int steps, AfterStop afterStop,
                   const Watch& watch) {
  std::string error;
  bool ended = false;
  const auto onLine = [&](std::string_view line) {
    const RunEvent event = parseRunLine(line);
    if (const auto* warning = std::get_if<RunWarning>(&event)) watch.warning(warning->message);
    if (const auto* said = std::get_if<RunError>(&event)) error = said->message;
    ended = ended || std::holds_alternative<RunEnd>(event);
    if (const auto* step = std::get_if<RunStep>(&event))
      report(watch.progress, static_cast<double>(step->step + 1) / steps, stepWords(*step, steps));
  };
  ProgramCall call{command.front(), {command.begin() + 1, command.end()}, {}, {}};
  if (afterStop == AfterStop::kEndAtOnce) call.grace = std::chrono::milliseconds(0);
  const auto code = runProgram(call, onLine, watch.stop);
  // One that ended in order after a stop request has its steps recorded.
  if (watch.stop.stop_requested()) {
    if (code && ended) return {};
    return fail(ErrorCode::kCancelled, "caracal-run was stopped");
  }
  if (!code) return tl::unexpected(code.error());
  if (*code == 0) return {};
  return fail(ErrorCode::kIo, "caracal-run: {}",
              error.empty() ? fmt::format("ended with exit code {}", *code) : error);
}

}  // namespace caracal::runs
