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

// Measured and predicted on the same hardware and links; `note` says how the prediction came to be
// when it is not the plan's own.
struct Measurement {
  analysis::RunSummary predicted;
  analysis::RunSummary measured;
  // Measured time of recomputations that the plan put into windows, per step, summed over stages.
  int64_t windowRecomputeNs = 0;
  int64_t predictedWindowRecomputeNs = 0;  // likewise predicted
  std::string note;
  std::vector<LinkTimes> links;
  std::vector<analysis::PassDifference> passes;  // pass by pass
  std::shared_ptr<const trace::Trace> predictedTrace;
};

// `steps`: of the recording. REQUIRES a prediction with the detail of operators.
Result<Measurement> setBesidePrediction(const Prediction& prediction, const trace::Trace& recording,
                                        const analysis::StepModel& steps, std::stop_token stop);

// Runs caracal-run, reads its recording and sets it beside the prediction.
Result<Measurement> measure(const MeasureJob& job, const Prediction& prediction,
                            const Watch& watch);

// How far the predicted figure is off the measured one, in percent of the measured; 0 where nothing
// was measured.
double errorPct(int64_t predicted, int64_t measured);
// Of the step.
double predictionErrorPct(const Measurement& measurement);

}  // namespace caracal::runs
