// StageChoice: what a policy makes of one stage by itself. The stages' choices make a Candidate;
// searches over partitions keep them, because most stages stay as they are when layers move.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/plan.h"
#include "core/planner/candidate.h"
#include "core/planner/pipeline_time.h"
#include "core/planner/stage_model.h"

namespace caracal::planner {

struct StageChoice {
  bool fits = true;      // false: nothing of this policy fits; then the choice needs least memory
  bool complete = true;  // false: the search ended early; something better may exist
  std::vector<plan::LayerPolicy> layers;  // in forward order
  PassTimes times;
  int64_t peakBytes = 0;
  bool operator==(const StageChoice&) const = default;
};

// One policy per kind of layer, with its exact times and peak. REQUIRES what StageModel requires.
StageChoice choiceOf(const StageModel& model, const KindPolicies& policies);

// Forward and backward of one micro-batch, recomputation included: a stage's share of the step.
int64_t loadNs(const PassTimes& times);

// What these layers of a stage, bottom first, rebuild in a micro-batch, hidden or not.
int64_t recomputeNs(const plan::StageShape& shape, const std::vector<plan::LayerPolicy>& layers);

// A 1F1B plan of these choices. Infeasible when one of them is; the bound is left to the policy.
Candidate candidateOf(const profile::Profile& profile, plan::Plan skeleton,
                      std::vector<StageChoice> choices);

}  // namespace caracal::planner
