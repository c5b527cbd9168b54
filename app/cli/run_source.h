// Anything that can be set beside another: a recording, a trace, a predicted timeline, or a plan
// (simulated on its profile).
#pragma once

#include <optional>
#include <string>

#include "app/cli/console.h"
#include "app/cli/device_comparison.h"
#include "app/cli/prediction.h"
#include "core/analysis/run_summary.h"
#include "core/base/result.h"

namespace caracal::cli {

struct ComparedRun {
  Result<analysis::RunSummary> summary;  // an error says why the trace shows no steps
  std::optional<DeviceRun> devices;      // none: a plan
};

// `profilePath` is needed for plans only; without it a plan is refused with the option's name.
Result<ComparedRun> readRun(const std::string& path, const std::string& profilePath,
                            Console& console);

}  // namespace caracal::cli
