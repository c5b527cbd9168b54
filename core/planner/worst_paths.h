// WorstPaths: a mean of paths through the step that every one of given plans finds long. The length
// of a mean of paths is a sum over the stages, so what bounds each stage's share of it bounds the
// step (Lagrangian relaxation of "the step is no shorter than any path").
#pragma once

#include <vector>

#include "core/planner/pipeline_time.h"

namespace caracal::planner {

// `plans`: of each stage the pass lengths to choose from, at least one. Approximates the mean of
// paths on which the cheapest choices, made stage by stage, are longest; any mean gives a bound.
StepPath worstPaths(const std::vector<std::vector<PassTimes>>& plans, const PipelineShape& shape);

}  // namespace caracal::planner
