// The Pareto front of peak memory against step time for one policy: what a step costs at each
// budget, and where more memory stops helping. The document is "caracal.pareto/1"
// (docs/planning.md).
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/planner/policy.h"
#include "core/profile/profile.h"

namespace caracal::planner {

inline constexpr std::string_view kParetoSchema = "caracal.pareto/1";

struct ParetoPoint {
  int64_t budgetBytes = 0;                                // under which the plan was made
  int64_t peakBytes = 0;                                  // of the stage that needs most
  int64_t stepNs = 0;                                     // simulated
  int64_t boundNs = 0;                                    // for this budget; 0: none
  int64_t exposedRecomputeNs = 0, hiddenRecomputeNs = 0;  // per step, all stages
  PlanStatus status = PlanStatus::kFeasible;
  double searchSeconds = 0;
  plan::Plan plan;
};

struct ParetoFront {
  std::string policy;
  // By ascending peak; each further point needs more memory and has a shorter step.
  std::vector<ParetoPoint> points;
  int64_t smallestBudgetBytes = 0;  // the policy's feasible range: below this nothing fits,
  int64_t largestPeakBytes = 0;     // and beyond this nothing changes
  int32_t plans = 0;                // that were made
  // False: stopped before all budgets were planned; smallestBudgetBytes may then be 0, not known.
  bool complete = true;
};

struct ParetoOptions {
  int32_t budgets = 24;  // evenly over the feasible range; each is one plan
};

// Sweeps the budgets of `request` (whose own budget is not used) from the largest down. A budget
// that an earlier plan's peak already undercuts is not asked again. Once stopped, what was planned
// until then; cancelled where that is nothing.
Result<ParetoFront> paretoFront(const profile::Profile& profile, PlanRequest request,
                                const ParetoOptions& options = {}, std::stop_token stop = {},
                                const Progress& progress = {});

std::string toJson(const ParetoFront& front, const profile::Profile& profile);

}  // namespace caracal::planner
