// StageOptimum: the best chain of layer policies for one stage, and a proof of how good it is: a
// bound by prices (stage_dual.h), then every choice that the bound leaves open (layer_choices.h),
// then every chain of them (chain_search.h). The search behind opt.
#pragma once

#include <cstdint>

#include "core/planner/stage_mix.h"

namespace caracal::planner {

struct StageOptimum {
  StageChain chain;     // never worse than the start
  int64_t boundNs = 0;  // at most chain.objectiveNs; 0: nothing is known
};

struct StageTask {
  const StageModel& model;
  const StageGaps& gaps;
  int64_t budgetBytes = 0;
  int64_t proofSteps = 60'000'000;  // extensions of chains by a layer; about 0.1 us each
};

// `start` must fit; its layers, and the result's, are numbers of mix.table(). Limits count search
// steps: the same input gives the same result unless `stop` ends the search.
StageOptimum searchOptimum(const StageTask& task, StageMix& mix, StageChain start,
                           const MixStop& stop);

// The proof alone: no chain that fits costs less; at most reachedNs, what a known chain costs.
int64_t provenBoundNs(const StageTask& task, int64_t reachedNs, const MixStop& stop);

}  // namespace caracal::planner
