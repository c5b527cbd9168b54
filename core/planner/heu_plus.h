// HEU+: the layers of a stage may differ. The default policy.
#pragma once

#include <stop_token>

#include "core/base/result.h"
#include "core/planner/candidate.h"
#include "core/planner/heu.h"

namespace caracal::planner {

// Starts from HEU's plan and mixes policies inside each stage (stage_mix.h) as long as that
// shortens what recomputation adds to the stage and fits the budget. Never slower than HEU's plan,
// and feasible exactly when HEU is. A heuristic: no claim about better plans, no bound (opt.h has
// one). Status kTimeLimit: timeLimitSeconds of wall time (0: none) were over before the search was.
Result<Candidate> heuPlusCandidate(const profile::Profile& profile, const plan::Plan& skeleton,
                                   double timeLimitSeconds, std::stop_token stop = {});

}  // namespace caracal::planner
