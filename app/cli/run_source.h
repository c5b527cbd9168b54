// Anything that has a step: a recording, a trace, a predicted timeline, or a plan (simulated on its
// profile), as a RunSummary.
#pragma once

#include <string>

#include "app/cli/console.h"
#include "app/cli/prediction.h"
#include "core/analysis/run_summary.h"
#include "core/base/result.h"

namespace caracal::cli {

// `profilePath` is needed for plans only; without it a plan is refused with the option's name.
Result<analysis::RunSummary> summarizePath(const std::string& path, const std::string& profilePath,
                                           Console& console);

// A prediction made with TraceDetail other than kNone.
Result<analysis::RunSummary> summarizePrediction(const Prediction& prediction);

}  // namespace caracal::cli
