#include "core/planner/heu_plus.h"

#include <utility>

#include "core/planner/mixed_plan.h"

namespace caracal::planner {

Result<Candidate> heuPlusCandidate(const profile::Profile& profile, const plan::Plan& skeleton,
                                   double timeLimitSeconds, std::stop_token stop) {
  const MixStop mixStop = stopAfter(timeLimitSeconds, stop);
  CARACAL_TRY(heu, heuCandidate(profile, skeleton, mixStop));
  heu.boundNs = 0;  // it holds for layers that do not differ
  if (!heu.feasible()) return heu;
  if (heu.status == PlanStatus::kOptimal) heu.status = PlanStatus::kFeasible;
  const PipelineModel pipeline(profile, skeleton);
  Candidate mixed = mixStages(pipeline, heu, kQuickMix, mixStop);
  if (mixStop.requested() && mixed.status != PlanStatus::kTimeLimit) endedEarly(mixStop, mixed);
  return mixed;
}

}  // namespace caracal::planner
