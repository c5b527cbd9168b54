// A plan run with caracal-run, and what happened beside what was predicted; what `measure` prints
// is made of these.
#pragma once

#include <cstdint>
#include <string>

#include "app/cli/console.h"
#include "app/cli/prediction.h"
#include "core/analysis/run_summary.h"
#include "core/base/result.h"

namespace caracal::cli {

struct MeasureRequest {
  std::string profile;  // paths
  std::string plan;
  std::string recording;  // to write
  std::string clock;      // "wall", "virtual"; empty: the program's choice
  int steps = 5;
};

// Measured and predicted on the same hardware; `note` says how the prediction came to be when it is
// not the plan's own.
struct Measurement {
  analysis::RunSummary predicted;
  analysis::RunSummary measured;
  // Measured time of recomputations that the plan put into windows, per step, summed over stages.
  int64_t windowRecomputeNs = 0;
  std::string note;
};

// Fails when the program fails; its words go to `console`.
Result<Measurement> measure(const MeasureRequest& request, const Prediction& prediction,
                            Console& console);

// How far the predicted step is off the measured one, in percent of the measured.
double predictionErrorPct(const Measurement& measurement);

}  // namespace caracal::cli
