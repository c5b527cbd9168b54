// Candidate: what a policy makes of one partition. Shared by the policies and the partition search.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/plan/plan.h"
#include "core/planner/mix_stop.h"
#include "core/planner/policy.h"
#include "core/profile/profile.h"

namespace caracal::planner {

struct Candidate {
  plan::Plan plan;  // when infeasible: the one that needs least memory
  PlanStatus status = PlanStatus::kFeasible;
  int64_t stepNs = 0;               // simulated
  int64_t boundNs = 0;              // 0: none
  int64_t smallestBudgetBytes = 0;  // 0: not computed
  std::vector<int64_t> peakBytes;   // per stage
  std::vector<int64_t> loadNs;      // per stage: one forward and backward, recomputation included
  std::vector<std::string> notes;

  bool feasible() const { return status != PlanStatus::kInfeasible; }
  // By how much the tightest stage exceeds the budget; 0 when feasible.
  int64_t excessBytes(int64_t budgetBytes) const;
  int32_t tightestStage() const;
};

// Says in status and notes that the search was stopped, or ran out of time.
void endedEarly(const MixStop& stop, Candidate& candidate);
// kCancelled: stopped with nothing to show.
tl::unexpected<Error> stoppedWithoutPlan();

// A plan of this partition without policies for its layers: sizes, the profile's schedule, budgets,
// hash of the profile.
plan::Plan skeletonPlan(const profile::Profile& profile, const std::vector<int32_t>& layersOfStage,
                        int64_t budgetBytes, const std::string& policy);

}  // namespace caracal::planner
