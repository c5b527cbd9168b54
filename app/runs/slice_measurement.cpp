#include <filesystem>

#include "app/runs/program.h"
#include "app/runs/slice.h"
#include "core/analysis/step_model.h"
#include "core/base/files.h"
#include "core/import/importer.h"
#include "core/profile/link_text.h"
#include "core/profile/profile_from_trace.h"
#include "core/profile/profile_json.h"

namespace caracal::runs {
namespace {

// Where the files of a slice lie.
struct Paths {
  explicit Paths(const std::string& recording)
      : folder(recording + ".slice"),
        model((folder / "model.json").string()),
        baseline((folder / "keep-all.sqlite").string()),
        profile((folder / "profile.json").string()),
        plan((folder / "plan.json").string()) {}
  std::filesystem::path folder;
  std::string model, baseline, profile, plan;
};

// A run of the slice that keeps everything, from which all predictions are made.
std::vector<std::string> baselineArguments(const MeasureJob& job, const Paths& paths,
                                           const std::string& schedule) {
  std::vector<std::string> arguments{
      "--model",  paths.model,    "--steps",    std::to_string(job.steps),
      "--record", paths.baseline, "--schedule", schedule};
  if (!job.backend.empty()) arguments.insert(arguments.end(), {"--backend", job.backend});
  if (!job.clock.empty()) arguments.insert(arguments.end(), {"--clock", job.clock});
  const auto addLink = [&](const char* name, const std::optional<profile::Link>& link) {
    if (link) arguments.insert(arguments.end(), {name, profile::linkText(*link)});
  };
  addLink("--link-tensor", job.tensorLink);
  addLink("--link-pipeline", job.pipelineLink);
  addLink("--link-data", job.dataLink);
  return arguments;
}

Result<profile::Profile> profileHere(const MeasureJob& job, const Paths& paths,
                                     const std::string& schedule, const Watch& watch) {
  CARACAL_TRY(program, findProgram("caracal-run"));
  CARACAL_TRY(command, commandOf(program, baselineArguments(job, paths, schedule)));
  CARACAL_CHECK_OK(train(command, job.steps, AfterStop::kEndAtOnce, watch));
  CARACAL_TRY(loaded, import::loadTraces({paths.baseline}, {}, watch.stop, {}));
  CARACAL_TRY(steps, analysis::buildStepModel(*loaded.trace));
  CARACAL_TRY(profile, profile::profileFromRecording(*loaded.trace, steps));
  CARACAL_CHECK_OK(profile::saveProfile(profile, paths.profile));
  return profile;
}

}  // namespace

Result<SliceMeasurement> measureSlice(const MeasureJob& job, const SliceShape& shape,
                                      const Watch& watch) {
  CARACAL_TRY(text, readTextFile(job.plan));
  CARACAL_TRY(document, plan::planDocumentFromJson(text));
  CARACAL_TRY(slice, sliceOf(document.plan, shape));
  const Paths paths(job.recording);
  std::error_code error;
  std::filesystem::create_directories(paths.folder, error);
  if (error) {
    return fail(ErrorCode::kIo, "cannot make the folder {}: {}", paths.folder.string(),
                error.message());
  }
  CARACAL_CHECK_OK(writeTextFile(paths.model, profile::modelToJson(slice.model)));
  CARACAL_TRY(profile, profileHere(job, paths, document.plan.schedule, watch));
  CARACAL_TRY(plan, slicedPlan(document, slice, profile));
  if (auto valid = plan::validate(profile, plan); !valid)
    return tl::unexpected(at(valid.error(), "the slice of " + job.plan));
  CARACAL_CHECK_OK(plan::savePlan(plan, profile, paths.plan));
  CARACAL_TRY(simulated, sim::simulate(profile, plan, {sim::TraceDetail::kOperators}, watch.stop));
  MeasureJob run = job;
  run.profile = paths.profile;
  run.plan = paths.plan;
  CARACAL_TRY(measurement, measure(run, {profile, std::move(plan), std::move(simulated)}, watch));
  return SliceMeasurement{std::move(slice), std::move(measurement)};
}

}  // namespace caracal::runs
