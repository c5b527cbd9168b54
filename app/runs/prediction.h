// A prediction: profile, plan and what the simulator makes of them.
#pragma once

#include <stop_token>
#include <string>

#include "core/analysis/run_summary.h"
#include "core/base/result.h"
#include "core/plan/plan.h"
#include "core/profile/profile.h"
#include "core/sim/simulator.h"

namespace caracal::runs {

struct Prediction {
  profile::Profile profile;
  plan::Plan plan;
  sim::SimResult result;
};

// Reads both documents, checks that the plan is possible for the profile, simulates.
Result<Prediction> predict(const std::string& profilePath, const std::string& planPath,
                           const sim::SimOptions& options, std::stop_token stop);

// In the form that runs are compared in. REQUIRES a prediction with a trace (TraceDetail).
analysis::RunSummary summarizePrediction(const Prediction& prediction,
                                         const analysis::StepModel& model);
Result<analysis::RunSummary> summarizePrediction(const Prediction& prediction);

}  // namespace caracal::runs
