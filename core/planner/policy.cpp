#include "core/planner/policy.h"

#include <algorithm>
#include <chrono>

#include "core/planner/baselines.h"
#include "core/planner/heu.h"
#include "core/planner/heu_plus.h"
#include "core/planner/partition.h"
#include "core/profile/profile_json.h"

namespace caracal::planner {
namespace {

Result<void> checkRequest(const profile::Profile& profile, const PlanRequest& request) {
  CARACAL_CHECK_OK(profile::validate(profile));
  if (profile.schedule != "1F1B") {
    return fail(ErrorCode::kUnsupported, "schedule `{}` cannot be planned yet; only 1F1B can",
                profile.schedule);
  }
  if (request.budgetBytes < 0)
    return fail(ErrorCode::kInvalidInput, "the budget is negative; 0 means no limit");
  return {};
}

// Plans one partition by the policy that a request names.
class Policy {
 public:
  static Result<Policy> of(const std::string& name) {
    Policy policy;
    if (name == "heu") {
      policy.m_planner = &heuCandidate;
      return policy;
    }
    if (name == "heu+") {
      policy.m_planner = &heuPlusCandidate;
      return policy;
    }
    CARACAL_TRY(baseline, baselineFromName(name));
    if (!baseline) {
      std::string known;
      for (const PolicyInfo& info : policies())
        known += (known.empty() ? "" : ", ") + std::string(info.name);
      return fail(ErrorCode::kInvalidInput, "unknown policy `{}`; known are {}", name, known);
    }
    policy.m_baseline = *baseline;
    return policy;
  }

  Result<Candidate> plan(const profile::Profile& profile, plan::Plan skeleton, HeuEffort effort,
                         std::stop_token stop) const {
    if (m_baseline)
      return baselineCandidate(profile, *m_baseline, std::move(skeleton), std::move(stop));
    return m_planner(profile, skeleton, effort, std::move(stop));
  }

 private:
  using Planner = Result<Candidate>(const profile::Profile&, const plan::Plan&, HeuEffort,
                                    std::stop_token);
  std::optional<Baseline> m_baseline;
  Planner* m_planner = nullptr;  // when it is no baseline
};

PlanOutcome outcomeOf(Candidate candidate, const PlanRequest& request) {
  PlanOutcome outcome;
  outcome.status = candidate.status;
  outcome.boundNs = candidate.boundNs;
  outcome.smallestBudgetBytes = candidate.smallestBudgetBytes;
  outcome.tightestStage = candidate.tightestStage();
  outcome.notes = std::move(candidate.notes);
  if (request.partition == PartitionMode::kGreedy) {
    outcome.notes.push_back(
        "the partition was found by moving single layers; status and bound hold for it alone");
  }
  outcome.plan = std::move(candidate.plan);
  return outcome;
}

}  // namespace

const std::vector<PolicyInfo>& policies() {
  static const std::vector<PolicyInfo> kPolicies{
      {"none", "Keep every tensor that backward needs; nothing is recomputed."},
      {"full", "Keep only each layer's input and run the layer again before its backward."},
      {"selective", "Recompute the attention core, keep the rest."},
      {"uniform:N", "As full, keeping only the input of every N-th layer of a stage."},
      {"block:N", "Recompute the first N layers of each stage fully, keep the others."},
      {"heu",
       "Choose per tensor: keep it, rebuild it in a communication window, or on demand; exact per "
       "stage."},
      {"heu+", "As heu, but the layers of a stage may differ: memory that is left over is used."},
  };
  return kPolicies;
}

std::string_view name(PlanStatus status) {
  switch (status) {
    case PlanStatus::kOptimal:
      return "optimal";
    case PlanStatus::kFeasible:
      return "feasible";
    case PlanStatus::kInfeasible:
      return "infeasible";
    case PlanStatus::kTimeLimit:
      return "timeLimit";
  }
  return {};
}

Result<PlanOutcome> makePlan(const profile::Profile& profile, const PlanRequest& request,
                             std::stop_token stop, const Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  CARACAL_CHECK_OK(checkRequest(profile, request));
  CARACAL_TRY(policy, Policy::of(request.policy));
  const auto layers = static_cast<int32_t>(profile.layers.size());
  const int32_t stages = profile.parallel.pipeline;
  const int64_t budgetBytes =
      request.budgetBytes > 0 ? request.budgetBytes : profile.memory.capacityBytes;

  std::vector<int32_t> partition = request.layersOfStage;
  if (request.partition == PartitionMode::kGiven) {
    CARACAL_CHECK_OK(checkPartition(partition, layers, stages));
  } else {
    CARACAL_TRY(even, evenPartition(layers, stages));
    partition = even;
  }
  const auto planFor = [&](const std::vector<int32_t>& layersOfStage, HeuEffort effort) {
    return policy.plan(profile, skeletonPlan(profile, layersOfStage, budgetBytes, request.policy),
                       effort, stop);
  };
  if (request.partition == PartitionMode::kGreedy) {
    const auto quick = [&](const std::vector<int32_t>& tried) {
      return planFor(tried, HeuEffort::kQuick);
    };
    CARACAL_TRY(found, greedyPartition(partition, budgetBytes, quick, progress));
    partition = found;
  }
  report(progress, 0.9, "planning the stages");
  CARACAL_TRY(candidate, planFor(partition, HeuEffort::kThorough));
  PlanOutcome outcome = outcomeOf(std::move(candidate), request);
  CARACAL_CHECK_OK(plan::validate(profile, outcome.plan));
  outcome.searchSeconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  report(progress, 1.0, "done");
  return outcome;
}

}  // namespace caracal::planner
