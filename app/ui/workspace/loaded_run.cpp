#include "app/ui/workspace/loaded_run.h"

#include <filesystem>

#include "core/analysis/recordings.h"
#include "core/import/importer.h"

namespace caracal::ui {
namespace {

namespace fs = std::filesystem;

// Once `stop` is requested: nothing of it is to be used.
void understand(LoadedRun& run, const std::stop_token& stop) {
  auto model = analysis::buildStepModel(*run.trace, stop);
  run.model = nullptr;
  if (model) {
    run.model = std::make_shared<const analysis::StepModel>(std::move(*model));
    run.summary = analysis::summarizeRun(*run.trace, *run.model);
    run.summary.name = run.name;
  } else {
    run.whyNoModel = model.error().message;
  }
}

}  // namespace

std::string runNameOf(const std::vector<std::string>& paths) {
  if (paths.empty()) return {};
  fs::path path = fs::path(paths.front()).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  if (paths.size() > 1 && path.has_parent_path()) return path.parent_path().filename().string();
  std::string name = path.filename().string();
  for (const std::string_view ending : {".gz", ".json", ".sqlite", ".pt.trace"}) {
    if (name.size() > ending.size() && name.ends_with(ending))
      name.resize(name.size() - ending.size());
  }
  return name;
}

Result<LoadedRun> loadRun(const std::vector<std::string>& paths, std::stop_token stop,
                          const Progress& progress) {
  const import::LoadOptions options{.cache = {.folder = import::defaultCacheFolder()}};
  CARACAL_TRY(loaded, import::loadTraces(paths, options, stop, progress));
  if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "opening was stopped");
  LoadedRun run;
  run.name = runNameOf(paths);
  run.paths = paths;
  run.trace = loaded.trace;
  run.skipped = std::move(loaded.skipped);
  run.cacheNote = std::move(loaded.cacheNote);
  run.checkSources = std::move(loaded.checkSources);
  run.seconds = loaded.seconds;
  report(progress, 0.95, "finding steps and bubbles");
  understand(run, stop);
  if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "opening was stopped");
  return run;
}

Result<std::vector<LoadedRun>> loadRuns(const std::vector<std::string>& paths, std::stop_token stop,
                                        const Progress& progress) {
  CARACAL_TRY(whole, loadRun(paths, stop, progress));
  const analysis::Recordings recordings = analysis::findRecordings(*whole.trace, stop);
  if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "opening was stopped");
  std::vector<LoadedRun> runs;
  if (recordings.list.size() > 1) {
    for (const analysis::Recording& recording : recordings.list) {
      auto run = loadRun(recording.files, stop, progress);
      if (!run) return tl::unexpected(run.error());
      runs.push_back(std::move(*run));
    }
    runs.front().apartBecause = recordings.reasons;
    runs.front().skipped = std::move(whole.skipped);
  } else {
    runs.push_back(std::move(whole));
  }
  return runs;
}

Result<LoadedRun> compareRanks(const LoadedRun& run, std::stop_token stop,
                               const Progress& progress) {
  report(progress, 0.0, "matching collectives and clocks");
  auto prepared = std::make_shared<const analysis::PreparedRun>(
      analysis::prepareRun(run.trace, analysis::CommNames{}, stop));
  if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "comparing ranks was stopped");
  LoadedRun compared = run;
  if (prepared->trace != run.trace) {
    compared.trace = prepared->trace;
    understand(compared, stop);
  }
  if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "comparing ranks was stopped");
  report(progress, 0.9, "linking events");
  compared.links = std::make_shared<const RunLinks>(*prepared, stop);
  if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "linking events was stopped");
  compared.prepared = std::move(prepared);
  return compared;
}

LoadedRun runFromTrace(std::string name, std::shared_ptr<const trace::Trace> trace) {
  LoadedRun run;
  run.name = std::move(name);
  run.trace = std::move(trace);
  understand(run, {});
  return run;
}

}  // namespace caracal::ui
