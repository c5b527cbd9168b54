#include "app/runs/calibration_runs.h"

#include <filesystem>

#include "app/runs/measure_job.h"
#include "app/runs/measured_policies.h"
#include "app/runs/program.h"
#include "core/analysis/step_model.h"
#include "core/import/importer.h"
#include "core/profile/profile_from_trace.h"
#include "core/profile/profile_json.h"

namespace caracal::runs {
namespace {

Result<std::shared_ptr<const trace::Trace>> load(const std::string& path, const Watch& watch) {
  CARACAL_TRY(loaded, import::loadTraces({path}, {}, watch.stop, {}));
  for (const Error& skipped : loaded.skipped) watch.warning("skipped " + skipped.text());
  return loaded.trace;
}

// The part of a whole that one piece of work is.
Progress partOf(const Progress& whole, double from, double to) {
  if (!whole) return {};
  return [whole, from, to](double fraction, std::string_view phase) {
    whole(from + fraction * (to - from), phase);
  };
}

Result<profile::Profile> profileOf(const std::string& recording, const Watch& watch) {
  CARACAL_TRY(trace, load(recording, watch));
  CARACAL_TRY(steps, analysis::buildStepModel(*trace));
  return profile::profileFromRecording(*trace, steps);
}

}  // namespace

Result<std::vector<std::string>> recordForCalibration(const CalibrationRequest& request,
                                                      const Watch& watch) {
  const std::filesystem::path folder = request.folder;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(ErrorCode::kIo, "cannot make {}: {}", folder.string(), error.message());
  const std::string alone = (folder / "alone.sqlite").string();
  std::vector<std::string> arguments{
      "--model", request.model, "--steps", std::to_string(request.steps), "--record", alone};
  if (!request.clock.empty()) arguments.insert(arguments.end(), {"--clock", request.clock});
  if (!request.backend.empty()) arguments.insert(arguments.end(), {"--backend", request.backend});
  Watch first = watch;
  first.progress = partOf(watch.progress, 0, 0.5);
  CARACAL_TRY(program, findProgram("caracal-run"));
  CARACAL_TRY(command, commandOf(program, arguments));
  CARACAL_CHECK_OK(train(command, request.steps, AfterStop::kEndAtOnce, first));
  CARACAL_TRY(profile, profileOf(alone, watch));
  MeasureJob beside;
  beside.profile = (folder / "profile.json").string();
  beside.plan = (folder / "heu.plan.json").string();
  beside.recording = (folder / "heu.sqlite").string();
  beside.clock = request.clock;
  beside.steps = request.steps;
  beside.backend = request.backend;
  CARACAL_CHECK_OK(profile::saveProfile(profile, beside.profile));
  CARACAL_CHECK_OK(savePlanOfLeastMemory(profile, "heu", beside.plan, watch.stop));
  Watch second = watch;
  second.progress = partOf(watch.progress, 0.5, 0.95);
  CARACAL_TRY(besideCommand, runCommand(beside, profile));
  CARACAL_CHECK_OK(train(besideCommand, request.steps, AfterStop::kEndAtOnce, second));
  return std::vector<std::string>{alone, beside.recording};
}

Result<profile::Calibration> calibrateFrom(std::span<const std::string> recordings,
                                           const Watch& watch) {
  std::vector<std::shared_ptr<const trace::Trace>> traces;
  for (const std::string& path : recordings) {
    CARACAL_TRY(trace, load(path, watch));
    traces.push_back(std::move(trace));
  }
  report(watch.progress, 0.95, "fitting constants");
  return profile::calibrate(traces);
}

}  // namespace caracal::runs
