#include "core/planner/heu_plus.h"

#include <utility>

#include "core/planner/mixed_plan.h"

namespace caracal::planner {

Result<Candidate> heuPlusCandidate(const profile::Profile& profile, const plan::Plan& skeleton,
                                   std::stop_token stop) {
  CARACAL_TRY(heu, heuCandidate(profile, skeleton, stop));
  heu.boundNs = 0;  // it holds for layers that do not differ
  if (!heu.feasible()) return heu;
  if (heu.status == PlanStatus::kOptimal) heu.status = PlanStatus::kFeasible;
  const PipelineModel pipeline(profile, skeleton);
  MixedPlan mixed = mixStages(pipeline, heu, kQuickMix, {stop});
  if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "planning cancelled");
  return std::move(mixed.candidate);
}

}  // namespace caracal::planner
