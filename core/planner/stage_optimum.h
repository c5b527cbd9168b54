// StageOptimum: the best chain of layer policies for one stage by itself, and a proof of how good
// it is (stage_proof.h). The search behind opt.
#pragma once

#include <cstdint>

#include "core/planner/stage_mix.h"
#include "core/planner/stage_proof.h"

namespace caracal::planner {

struct StageOptimum {
  StageChain chain;     // never worse than the start
  int64_t boundNs = 0;  // at most chain.objectiveNs; 0: nothing is known
};

// `start` must fit; its layers, and the result's, are numbers of mix.table(). REQUIRES the task's
// charges to be those of the mix's waits (chargesOf). Limits count search steps: the same input
// gives the same result unless `stop` ends the search.
StageOptimum searchOptimum(const StageTask& task, StageMix& mix, StageChain start,
                           const MixStop& stop);

// Chains that fit, promising by the proof's charges; their layers are numbers of mix.table().
std::vector<StageChain> chainsThatFit(StageProof& proof, StageMix& mix, double reachedNs);

StageChain chainOf(const LayerChain& choices, const StageTerms& stage, StageMix& mix);

// The proof alone: no chain that fits is charged less; at most reachedNs, what a known chain is.
double provenBoundNs(const StageTask& task, double reachedNs, const MixStop& stop);

}  // namespace caracal::planner
