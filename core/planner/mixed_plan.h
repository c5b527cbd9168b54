// A pipeline's plan improved stage by stage, each layer with a policy of its own (stage_mix.h).
#pragma once

#include <functional>
#include <vector>

#include "core/planner/candidate.h"
#include "core/planner/pipeline_model.h"
#include "core/planner/stage_choice.h"
#include "core/planner/stage_mix.h"

namespace caracal::planner {

// One stage, starting from layers that fit the budget and keep their inputs: never worse for the
// stage by itself (heu_search.h).
StageChoice mixStage(const StageModel& model, const StageGaps& gaps, int64_t budgetBytes,
                     const std::vector<plan::LayerPolicy>& start, MixLimits limits,
                     const MixStop& stop);

struct MixedPlan {
  Candidate candidate;  // `start`, or one with a shorter step
  std::vector<PassTimes> times;
};

// A chain for stage `stage` that is never worse than `start`; `mix` is that stage's.
using SearchStage = std::function<StageChain(StageMix& mix, size_t stage, StageChain start)>;

// REQUIRES a feasible `start` without dropped layer inputs.
MixedPlan mixStages(const PipelineModel& pipeline, const Candidate& start,
                    const SearchStage& search, MixLimits limits, const MixStop& stop);

}  // namespace caracal::planner
