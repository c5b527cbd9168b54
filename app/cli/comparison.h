// Two runs side by side, in words and as JSON: what `compare` and `measure` print.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/analysis/run_summary.h"
#include "core/sim/simulator.h"

namespace caracal::cli {

nlohmann::ordered_json runJson(const analysis::RunSummary& run);

// {"first", "second", "change": {"stepPct", ...}, "cautions"}; to be merged into a document.
nlohmann::ordered_json comparisonJson(const analysis::RunSummary& first,
                                      const analysis::RunSummary& second);

// One row per figure: first, second, change in percent.
std::string comparisonText(const analysis::RunSummary& first, const analysis::RunSummary& second);

}  // namespace caracal::cli
