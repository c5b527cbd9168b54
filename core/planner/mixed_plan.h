// A pipeline's plan improved stage by stage, each layer with a policy of its own (stage_mix.h).
#pragma once

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

// REQUIRES a feasible `start` without dropped layer inputs. Returns it, or a candidate with a
// shorter step: of the chains found for each stage, those that together make the shortest.
Candidate mixStages(const PipelineModel& pipeline, const Candidate& start, MixLimits limits,
                    const MixStop& stop);

}  // namespace caracal::planner
