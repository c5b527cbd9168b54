#include "core/planner/replay_error.h"

#include <limits>

#include "core/plan/schedule.h"
#include "core/planner/policy.h"
#include "core/sim/simulator.h"

namespace caracal::planner {
bool ignoresBudget(const std::string& policy) {
  return policy == "none" || policy == "full" || policy == "selective" ||
         policy.rfind("uniform:", 0) == 0 || policy.rfind("block:", 0) == 0;
}

Result<std::optional<plan::Plan>> observedPlan(const profile::Profile& profile,
                                               std::stop_token stop) {
  if (profile.observedStepNs <= 0 || !ignoresBudget(profile.observedPlan)) return std::nullopt;
  PlanRequest request;
  request.policy = profile.observedPlan;
  request.budgetBytes = std::numeric_limits<int64_t>::max();
  // Where stages held several chunks of the model, what each chunk held was not observed: evenly.
  const auto schedule = plan::scheduleFromName(profile.schedule);
  const int32_t stages = profile.parallel.pipeline;
  const bool wholeStages = !schedule || plan::chunkCount(*schedule, stages) == stages;
  if (!profile.observed.empty() && wholeStages) {
    request.partition = PartitionMode::kGiven;
    for (const profile::ObservedStage& stage : profile.observed) {
      request.layersOfStage.push_back(stage.layerCount);
    }
  }
  CARACAL_TRY(outcome, makePlan(profile, request, stop));
  return std::move(outcome.plan);
}

Result<std::optional<ReplayError>> replayError(const profile::Profile& profile,
                                               std::stop_token stop) {
  CARACAL_TRY(plan, observedPlan(profile, stop));
  if (!plan) return std::nullopt;
  CARACAL_TRY(result, sim::simulate(profile, *plan, {}, stop));
  ReplayError error{profile.observedStepNs, result.stepNs, 0};
  error.percent = 100.0 * static_cast<double>(error.simulatedNs - error.observedNs) /
                  static_cast<double>(error.observedNs);
  return error;
}

}  // namespace caracal::planner
