// StageExchange: of several plans for every stage of a pipeline, those that together make a short
// step. What is best for a stage by itself need not be: only passes on the longest path count.
#pragma once

#include <cstddef>
#include <vector>

#include "core/planner/mix_stop.h"
#include "core/planner/pipeline_model.h"

namespace caracal::planner {

using StagePlans = std::vector<std::vector<PassTimes>>;  // [stage][plan], at least one each

// Whether none of a stage's passes takes longer than with the other plan.
bool noLonger(const PassTimes& times, const PassTimes& other);

std::vector<PassTimes> timesOf(const StagePlans& plans, const std::vector<size_t>& choice);

// Exchanges single stages' plans while that makes the step shorter. `choice`: one of each stage's.
std::vector<size_t> exchangeStages(const PipelineModel& pipeline, const StagePlans& plans,
                                   std::vector<size_t> choice, const MixStop& stop);

}  // namespace caracal::planner
