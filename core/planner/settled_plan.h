// The last pass over a finished plan for 1F1B: recomputation beyond the brim of a window goes on
// demand. There it takes no longer, holds its tensor for less time, and a run that is a little
// faster or slower than its profile does not shift how much of it is hidden.
#pragma once

#include "core/planner/candidate.h"
#include "core/profile/profile.h"

namespace caracal::planner {

// Whether a recomputation moves in one layer, or in all layers of its kind and stage at once, whose
// policy stays the same.
enum class LayerMoves : uint8_t { kTogether, kSingly };

// Moves recomputations from windows to on demand, one after the other, while the step is no longer,
// the stage exposes no more recomputation, and its peak keeps the budget. A plan that is proven
// optimal for its stages (kOptimal) keeps its passes to the nanosecond. Where the step depends on
// more than passes (gradients reduced in backward, a shared link) any plan does.
// REQUIRES a feasible candidate without offload.
Candidate settled(const profile::Profile& profile, const Candidate& candidate, LayerMoves moves);

}  // namespace caracal::planner
