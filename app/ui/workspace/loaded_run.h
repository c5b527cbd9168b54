// A run as the program holds it: its trace, and its step model when it has one. Made off the GUI
// thread by loadRun(); knows no Qt.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "app/ui/timeline/run_links.h"
#include "core/analysis/prepared_run.h"
#include "core/analysis/run_summary.h"
#include "core/analysis/step_model.h"
#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/trace/trace.h"

namespace caracal::ui {

struct LoadedRun {
  std::string name;                // of the file, or of the folder that holds several
  std::vector<std::string> paths;  // as opened
  std::shared_ptr<const trace::Trace> trace;
  std::shared_ptr<const analysis::StepModel> model;  // null: see whyNoModel
  std::string whyNoModel;
  analysis::RunSummary summary;  // of `model`, under the run's name; without one empty
  // Ranks on one clock, collectives and transfers matched; null until compareRanks() has been here.
  std::shared_ptr<const analysis::PreparedRun> prepared;
  std::shared_ptr<const RunLinks> links;  // of `prepared`
  std::vector<Error> skipped;             // inputs that could not be read
  // Why files opened with this run's are runs of their own; of the first of them.
  std::vector<std::string> apartBecause;
  std::string cacheNote;  // what went wrong with the cache; often empty
  // Of a run from the cache: import::LoadResult::checkSources.
  std::function<Result<void>(const std::stop_token&)> checkSources;
  double seconds = 0;
};

Result<LoadedRun> loadRun(const std::vector<std::string>& paths, std::stop_token stop,
                          const Progress& progress);
// A run for each recording in the files (core/analysis/recordings.h): a second recording of the
// same ranks, or one made at another time, is a run of its own and can be compared.
Result<std::vector<LoadedRun>> loadRuns(const std::vector<std::string>& paths, std::stop_token stop,
                                        const Progress& progress);
// A trace that is in memory already: a prediction.
LoadedRun runFromTrace(std::string name, std::shared_ptr<const trace::Trace> trace);
// The run with `prepared`: what `caracal analyze` does before it computes anything. Where clocks of
// ranks are moved, trace and step model are made anew. kCancelled.
Result<LoadedRun> compareRanks(const LoadedRun& run, std::stop_token stop,
                               const Progress& progress);
// "timeline-ST" of one file, the folder's name of several.
std::string runNameOf(const std::vector<std::string>& paths);

}  // namespace caracal::ui
