#include "app/runs/measured_policies.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "core/plan/plan_json.h"
#include "core/planner/policy.h"
#include "core/planner/replay_error.h"
#include "core/profile/profile_json.h"

namespace caracal::runs {
namespace {

// A policy's name as a file's: "uniform:2" becomes "uniform-2".
std::string fileName(std::string policy) {
  std::replace(policy.begin(), policy.end(), ':', '-');
  return policy;
}

Result<MeasuredPolicy> measurePolicy(const PoliciesRequest& request,
                                     const profile::Profile& profile, const std::string& policy,
                                     const Watch& watch) {
  planner::PlanRequest wanted;
  wanted.policy = policy;
  wanted.budgetBytes = request.budgetBytes;
  CARACAL_TRY(outcome, planner::makePlan(profile, wanted, watch.stop));
  MeasuredPolicy result{policy, outcome.status != planner::PlanStatus::kInfeasible, std::nullopt,
                        outcome.smallestBudgetBytes};
  if (!result.fits) {
    if (!planner::ignoresBudget(policy)) return result;
    wanted.budgetBytes = std::numeric_limits<int64_t>::max();
    CARACAL_TRY(unlimited, planner::makePlan(profile, wanted, watch.stop));
    outcome = std::move(unlimited);
  }
  const std::filesystem::path folder(request.folder);
  MeasureJob run;
  run.profile = request.profile;
  run.plan = (folder / (fileName(policy) + ".plan.json")).string();
  run.recording = (folder / (fileName(policy) + ".sqlite")).string();
  run.clock = request.clock;
  run.steps = request.steps;
  run.backend = request.backend;
  CARACAL_CHECK_OK(plan::savePlan(outcome.plan, profile, run.plan));
  CARACAL_TRY(simulated,
              sim::simulate(profile, outcome.plan, {sim::TraceDetail::kOperators}, watch.stop));
  CARACAL_TRY(measurement,
              measure(run, {profile, std::move(outcome.plan), std::move(simulated)}, watch));
  result.measurement = std::move(measurement);
  return result;
}

}  // namespace

Result<void> savePlanOfLeastMemory(const profile::Profile& profile, const std::string& policy,
                                   const std::string& path, const std::stop_token& stop) {
  planner::PlanRequest request;
  request.policy = policy;
  request.budgetBytes = 1;
  CARACAL_TRY(tooTight, planner::makePlan(profile, request, stop));
  request.budgetBytes = tooTight.smallestBudgetBytes;
  CARACAL_TRY(outcome, planner::makePlan(profile, request, stop));
  return plan::savePlan(outcome.plan, profile, path);
}

Result<std::vector<MeasuredPolicy>> measurePolicies(const PoliciesRequest& request,
                                                    const Watch& watch) {
  std::error_code error;
  std::filesystem::create_directories(request.folder, error);
  if (error)
    return fail(ErrorCode::kIo, "cannot make the folder {}: {}", request.folder, error.message());
  CARACAL_TRY(profile, profile::loadProfile(request.profile));
  std::vector<MeasuredPolicy> results;
  for (const std::string& policy : request.policies) {
    auto result = measurePolicy(request, profile, policy, watch);
    if (!result) return tl::unexpected(at(result.error(), policy));
    results.push_back(std::move(*result));
  }
  return results;
}

}  // namespace caracal::runs
