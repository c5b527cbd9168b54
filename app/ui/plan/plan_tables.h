// Tables about plans, as values: the prediction by stage, policies side by side, predicted against
// measured. Figures come from core.
#pragma once

#include <vector>

#include "app/ui/panels/figure_table.h"
#include "app/ui/plan/plan_session.h"
#include "app/ui/theme/palette.h"
#include "core/analysis/run_summary.h"

namespace caracal::ui {

// One row a stage: times, recomputation, peak memory against the budget (over budget in the error
// colour).
FigureTable predictionTable(const sim::SimResult& result, const Theme& theme);
// One row a policy; the fastest that fits is strong.
FigureTable trialTable(const std::vector<PolicyTrial>& trials, const Theme& theme);
// Every run as a whole, then stage by stage, each with its change against the first run.
FigureTable comparisonTable(const std::vector<analysis::RunSummary>& runs, const Theme& theme);
// A prediction in the form that runs are compared in.
analysis::RunSummary summaryOf(const sim::SimResult& result, const plan::Plan& plan,
                               const std::string& hardware);

// "step 12.3 ms, bubble 14.20 %, peak 1.50 GiB of 2.00 GiB": one line.
QString predictionWords(const sim::SimResult& result);
// ", replay error +1.2 %" of a profile that comes from a run which can be replayed; else nothing.
QString replayWords(const Evaluation& evaluation);
// "optimal, no step below 12.1 ms with this policy and partition, found in 3.1 ms": one line.
QString searchWords(const planner::PlanOutcome& outcome);

}  // namespace caracal::ui
