// ChainSearch: the cheapest chain of choices for a stage's layers, bottom first, by dynamic
// programming over what the layers above need to know: memory, cost, and what the layer has
// rebuilt beside the next one's collectives. Exact in the cost at given prices of `pipe` and early
// work, and in the memory of every layer's backward; bounded where there are too many chains.
#pragma once

#include <cstdint>
#include <vector>

#include "core/planner/stage_dual.h"

namespace caracal::planner {

// Chains that are alike in memory are thinned out when there are more than `most` per layer.
enum class Thinning : uint8_t {
  kDrop,   // to the cheapest of them: what is found is a chain
  kMerge,  // to one that is as good as each: what is found bounds them all
};

struct ChainRequest {
  double reachedNs = 0;  // the cost of a plan that is known; no others are of interest
  size_t most = 0;
  int64_t steps = 0;  // extensions of chains by a layer after which the search gives up
  Thinning thinning = Thinning::kDrop;
};

struct ChainResult {
  // No chain of the choices costs less, if complete and nothing was dropped; at most reachedNs.
  double leastNs = 0;
  bool complete = false;
  bool thinned = false;
  // The cheapest found, with the place of each layer's choice in `choices`; bottom first.
  std::vector<std::vector<uint32_t>> chains;
  int64_t steps = 0;
};

// REQUIRES per place the choices up to what reachedNs leaves them (choicesUpTo at dual.prices).
ChainResult searchChains(const StageTerms& stage, const StageDual& dual,
                         const std::vector<std::vector<LayerChoice>>& choices,
                         const ChainRequest& request, const MixStop& stop);

}  // namespace caracal::planner
