// HEU for a whole pipeline: each stage's best policy (heu_search.h), judged by the simulated step.
#pragma once

#include "core/base/result.h"
#include "core/planner/candidate.h"
#include "core/planner/mix_stop.h"

namespace caracal::planner {

// The stages' waits for gradients are those of the pipeline without recomputation. What is returned
// is the candidate with the shortest step among: the stages' optima with those waits, with none,
// the same at smaller budgets (for a fixed amount of search: with small layers enough that more
// memory never makes a plan slower), and the uniform baselines that fit.
// boundNs: no policy per stage and kind that fits the budget has a shorter step with this
// partition. Status kOptimal: every stage's search was exhaustive and the plan consists of its
// stages' optima (objective: heu_search.h) at this budget; only where stepNs equals boundNs is that
// also the shortest possible step.
// kTimeLimit: a search ended early; the plan is the best of what was found until then, the
// baselines, and what needs least memory.
Result<Candidate> heuCandidate(const profile::Profile& profile, const plan::Plan& skeleton,
                               const MixStop& stop = {});

}  // namespace caracal::planner
