// Runs side by side, in words and as JSON: what `compare` and `measure` print.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "app/runs/measurement.h"
#include "core/analysis/run_summary.h"

namespace caracal::cli {

// Over the stages of a run.
int64_t sumOver(const analysis::RunSummary& run, int64_t analysis::StageRun::*value);
int64_t largestPeak(const analysis::RunSummary& run);

nlohmann::ordered_json runJson(const analysis::RunSummary& run);

// {"runs": [...], "cautions": [...]}: every run with its change against the first in percent; to be
// merged into a document. REQUIRES at least one run.
nlohmann::ordered_json comparisonJson(const std::vector<analysis::RunSummary>& runs);

// Two runs: one row per figure and stage. More: one row per run. REQUIRES at least two.
std::string comparisonText(const std::vector<analysis::RunSummary>& runs);

// Predicted beside measured, with the prediction's error in percent of the measured.
std::string errorTableText(const runs::Measurement& measurement);
// One line a link: what half of its transfers took of the time asked for, and a caution where that
// is off by more than 5 %. Empty where there are none.
std::string linkText(const std::vector<runs::LinkTimes>& links);
nlohmann::ordered_json linksJson(const std::vector<runs::LinkTimes>& links);
// One object a pass: medians of both runs, times from the beginning of the pipeline window.
nlohmann::ordered_json passesJson(const std::vector<analysis::PassDifference>& passes);

}  // namespace caracal::cli
