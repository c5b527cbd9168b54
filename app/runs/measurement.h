// A plan that was run, beside what was predicted of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "app/runs/measure_job.h"
#include "app/runs/prediction.h"
#include "core/analysis/pass_differences.h"
#include "core/analysis/run_summary.h"
#include "core/analysis/window_recompute.h"
#include "core/base/result.h"

namespace caracal::runs {

// How well an emulated link of the run kept to the time asked of it; ratios are achieved over
// asked.
struct LinkTimes {
  std::string link;  // "tensor", "pipeline", "data"
  int64_t transfers = 0;
  double medianRatio = 1, worstRatio = 1;
};
// Of links that had transfers whose end somebody saw on the wall clock.
std::vector<LinkTimes> linkTimesOf(const trace::Trace& recording);

// A run of caracal-run, read back.
struct Recording {
  std::shared_ptr<const trace::Trace> trace;
  analysis::StepModel steps;
};

// Runs caracal-run and reads its recording. Fails as train() and the importer do.
Result<Recording> record(const MeasureJob& job, const profile::Profile& profile,
                         const Watch& watch);

// Measured and predicted on the same hardware and links; `note` says how the prediction came to be
// when it is not the plan's own.
struct Measurement {
  analysis::RunSummary predicted;
  analysis::RunSummary measured;
  // Recomputations that the plan put into windows, per step, summed over stages.
  analysis::WindowTotals predictedWindows, measuredWindows;
  std::string note;
  std::vector<LinkTimes> links;
  std::vector<analysis::PassDifference> passes;  // pass by pass, of the first recording
  std::shared_ptr<const trace::Trace> predictedTrace;
};

// Several recordings are of the same plan on the same machine; figures are over the steps of all.
// REQUIRES at least one recording, and a prediction with the detail of operators.
Result<Measurement> setBesidePrediction(const Prediction& prediction,
                                        const std::vector<analysis::RecordedRun>& recordings,
                                        std::stop_token stop);

// Runs caracal-run, reads its recording and sets it beside the prediction.
Result<Measurement> measure(const MeasureJob& job, const Prediction& prediction,
                            const Watch& watch);

// How far the predicted figure is off the measured one, in percent of the measured; 0 where nothing
// was measured.
double errorPct(int64_t predicted, int64_t measured);
// Of the step.
double predictionErrorPct(const Measurement& measurement);

}  // namespace caracal::runs
