// OPT: every layer chooses for itself, searched thoroughly, with a proven lower bound.
#pragma once

#include <stop_token>

#include "core/base/result.h"
#include "core/planner/candidate.h"

namespace caracal::planner {

// Starts from HEU+'s plan; never slower. Placements are those of contracts: a layer uses its own
// windows and those of the layer above, not windows of layers further away.
// boundNs: no plan with this partition and budget, and one steady-state policy per layer, has a
// shorter step. Status kOptimal: the plan's step equals the bound. kTimeLimit: timeLimitSeconds of
// wall time were over (0: none, and the same input gives the same plan); bound and plan hold all
// the same. Notes name each stage's own bound.
Result<Candidate> optCandidate(const profile::Profile& profile, const plan::Plan& skeleton,
                               double timeLimitSeconds, std::stop_token stop = {});

}  // namespace caracal::planner
