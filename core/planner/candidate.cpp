#include "core/planner/candidate.h"

#include <algorithm>

#include "core/profile/profile_json.h"

namespace caracal::planner {

int32_t Candidate::tightestStage() const {
  if (peakBytes.empty()) return -1;
  return static_cast<int32_t>(std::max_element(peakBytes.begin(), peakBytes.end()) -
                              peakBytes.begin());
}

int64_t Candidate::excessBytes(int64_t budgetBytes) const {
  if (feasible() || peakBytes.empty()) return 0;
  return std::max<int64_t>(0, *std::max_element(peakBytes.begin(), peakBytes.end()) - budgetBytes);
}

void endedEarly(const MixStop& stop, Candidate& candidate) {
  candidate.status = PlanStatus::kTimeLimit;
  candidate.notes.push_back(stop.token.stop_requested()
                                ? "the search was stopped; this is the best that it had found"
                                : "the time limit ended the search; another run may end elsewhere");
}

tl::unexpected<Error> stoppedWithoutPlan() {
  return fail(ErrorCode::kCancelled,
              "planning was stopped before a plan that fits the budget was found");
}

plan::Plan skeletonPlan(const profile::Profile& profile, const std::vector<int32_t>& layersOfStage,
                        int64_t budgetBytes, const std::string& policy) {
  plan::Plan plan;
  plan.name = policy;
  plan.policy = policy;
  plan.profileHash = profile::hashOf(profile);
  plan.schedule = profile.schedule;
  plan.model = profile.model;
  plan.parallel = profile.parallel;
  int32_t next = 0;
  for (const int32_t count : layersOfStage) {
    plan::StagePlan stage;
    stage.firstLayer = next;
    stage.layers.resize(static_cast<size_t>(count));
    stage.budgetBytes = budgetBytes;
    plan.stages.push_back(std::move(stage));
    next += count;
  }
  return plan;
}

}  // namespace caracal::planner
