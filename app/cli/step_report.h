// A StepModel in words and as JSON: what `analyze` and `measure` print of stages, bubbles and
// causes.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/analysis/rank_idle.h"
#include "core/analysis/step_model.h"
#include "core/trace/trace.h"

namespace caracal::cli {

// stages[], steps[], schedule, microBatches, facts[] and link times; to be merged into a document.
nlohmann::ordered_json stepsJson(const analysis::StepModel& model);

// Facts, then a table of stages, then a table of idle causes.
std::string stepsText(const analysis::StepModel& model);

// Idle causes of ranks, where the run shows no stages: rows of "rankSteps", and a table with a
// column a rank, empty when there is nothing to say.
nlohmann::ordered_json rankStepsJson(const trace::Trace& trace,
                                     const std::vector<analysis::RankStep>& steps);
std::string rankCausesText(const trace::Trace& trace, const std::vector<analysis::RankStep>& steps);

// ", virtual clock" for runs that name their clock, else nothing.
std::string clockText(const trace::Trace& trace);

}  // namespace caracal::cli
