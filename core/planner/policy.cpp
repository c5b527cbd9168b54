#include "core/planner/policy.h"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

#include "core/plan/schedule.h"
#include "core/planner/offload_search.h"
#include "core/planner/partition.h"
#include "core/planner/planned_partitions.h"
#include "core/planner/policy_entries.h"
#include "core/planner/settled_plan.h"
#include "core/profile/profile_json.h"
#include "core/sim/simulator.h"

namespace caracal::planner {
namespace {

Result<void> checkRequest(const profile::Profile& profile, const PlanRequest& request) {
  CARACAL_CHECK_OK(profile::validate(profile));
  if (request.budgetBytes < 0)
    return fail(ErrorCode::kInvalidInput, "the budget is negative; 0 means no limit");
  if (request.offload && profile.hostLink.bytesPerSecond <= 0) {
    return fail(ErrorCode::kCannotAnswer,
                "the profile does not know the link to host memory; add links.host to it, or plan "
                "without offload");
  }
  return {};
}

std::string partitionNote(const PlanRequest& request, const plan::Plan& plan) {
  const auto found = [&](const char* how) {
    return fmt::format("partition {} {}; status and bound hold for it alone. {}",
                       fmt::join(plan.partition(), ","), how,
                       megatronPartitionRule(plan.partition()));
  };
  switch (request.partition) {
    case PartitionMode::kGreedy:
      return found("was found by moving single layers");
    case PartitionMode::kDp:
      return found("makes the slowest stage as fast as can be");
    case PartitionMode::kSearch:
      return found("was found by a local search on the simulated step");
    case PartitionMode::kEven:
    case PartitionMode::kGiven:
      break;
  }
  return {};
}

PlanOutcome outcomeOf(Candidate candidate, const PlanRequest& request) {
  PlanOutcome outcome;
  outcome.status = candidate.status;
  outcome.stepNs = candidate.stepNs;
  outcome.boundNs = candidate.boundNs;
  outcome.smallestBudgetBytes = candidate.smallestBudgetBytes;
  outcome.tightestStage = candidate.tightestStage();
  outcome.notes = std::move(candidate.notes);
  outcome.plan = std::move(candidate.plan);
  if (!candidate.feasible() && outcome.smallestBudgetBytes == 0) {
    outcome.smallestBudgetBytes =
        *std::max_element(candidate.peakBytes.begin(), candidate.peakBytes.end());
    outcome.notes.push_back("the search for the smallest budget ended early; a smaller one may do");
  }
  if (std::string note = partitionNote(request, outcome.plan); !note.empty())
    outcome.notes.push_back(std::move(note));
  return outcome;
}

bool better(const Candidate& a, const Candidate& b, int64_t budgetBytes) {
  return std::tuple(a.excessBytes(budgetBytes), a.stepNs) <
         std::tuple(b.excessBytes(budgetBytes), b.stepNs);
}

// How much of reductions beside backward is left for the end, and how long transfers share a link,
// is known only when the passes are; the policies count the least.
Result<Candidate> madeWhole(const PlanningTask& task, Result<Candidate> made) {
  const profile::Profile& job = task.profile;
  const bool known = !job.parallel.reducesInBackward() && !job.pipelineLink.shared;
  if (!made || known) return made;
  CARACAL_TRY(result, sim::simulate(task.profile, made->plan));
  made->stepNs = result.stepNs;
  return made;
}

bool wasStopped(const Result<Candidate>& made) {
  return !made && made.error().code == ErrorCode::kCancelled;
}

// What an improvement makes of a plan; one that was stopped leaves it as it was.
Result<Candidate> improvedBy(const PlanningTask& task, Result<Candidate> improvement,
                             Candidate candidate) {
  if (!wasStopped(improvement)) return improvement;
  endedEarly(MixStop{task.stop}, candidate);
  return candidate;
}

// REQUIRES at least one partition.
Result<Candidate> bestOf(const PlanningTask& task, MakeCandidate make, const Partitions& partitions,
                         const Progress& progress) {
  std::optional<Candidate> best;
  for (const std::vector<int32_t>& partition : partitions) {
    report(progress, 0.9, "planning the stages");
    auto candidate = madeWhole(task, make(task, skeletonOf(task, partition)));
    if (!candidate && best && wasStopped(candidate)) break;
    if (!candidate) return candidate;
    if (!best || better(*candidate, *best, task.budgetBytes)) best = std::move(*candidate);
  }
  return std::move(*best);
}

bool layersDiffer(const PlanningTask& task) {
  return task.request.policy == "heu+" || task.request.policy == "opt";
}

// What the bound of a policy says is for plans that offload nothing.
Result<Candidate> withOffload(const PlanningTask& task, Candidate candidate) {
  const Replan replan = [&](const profile::Profile& profile,
                            int64_t budgetBytes) -> Result<plan::Plan> {
    PlanRequest request = task.request;
    request.offload = false;
    request.budgetBytes = budgetBytes;
    request.partition = PartitionMode::kGiven;
    request.layersOfStage = candidate.plan.partition();
    CARACAL_TRY(outcome, makePlan(profile, request, task.stop));
    return outcome.status == PlanStatus::kInfeasible ? plan::Plan{} : std::move(outcome.plan);
  };
  const TensorExchange exchange =
      layersDiffer(task) ? TensorExchange::kSingle : TensorExchange::kNone;
  CARACAL_TRY(outcome, offloadSearch(task.profile, candidate.plan, task.budgetBytes, replan,
                                     exchange, task.stop));
  candidate.notes.push_back(outcome.note);
  if (!outcome.offloads) return candidate;
  candidate.plan = std::move(outcome.plan);
  candidate.stepNs = outcome.stepNs;
  candidate.boundNs = 0;
  candidate.status = PlanStatus::kFeasible;
  return candidate;
}

}  // namespace

const std::vector<PolicyInfo>& policies() {
  static const std::vector<PolicyInfo> kPolicies = [] {
    std::vector<PolicyInfo> infos;
    for (const PolicyEntry& entry : policyEntries()) infos.push_back(entry.info);
    return infos;
  }();
  return kPolicies;
}

std::optional<PartitionMode> partitionModeFromName(std::string_view text) {
  if (text == "even") return PartitionMode::kEven;
  if (text == "greedy") return PartitionMode::kGreedy;
  if (text == "dp") return PartitionMode::kDp;
  if (text == "search") return PartitionMode::kSearch;
  return std::nullopt;
}

std::optional<double> gapOf(const PlanOutcome& outcome) {
  if (outcome.boundNs <= 0 || outcome.stepNs <= 0) return std::nullopt;
  return static_cast<double>(outcome.stepNs - outcome.boundNs) /
         static_cast<double>(outcome.stepNs);
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
  const std::string& wanted = request.schedule.empty() ? profile.schedule : request.schedule;
  CARACAL_TRY(schedule,
              plan::makeSchedule(wanted, profile.parallel.pipeline, profile.parallel.microBatches));
  const int64_t budgetBytes =
      request.budgetBytes > 0 ? request.budgetBytes : profile.memory.capacityBytes;
  const PlanningTask task{profile, request, schedule, budgetBytes, stop};
  const std::string& policy = request.policy;
  CARACAL_TRY(make, makerOf(policy, task));
  // Where partitions are searched by planning each of them, heu says what heu+ would make of it.
  CARACAL_TRY(quick, makerOf(policy == "heu+" ? "heu" : policy, task));
  CARACAL_TRY(partitions, partitionsFor(task, quick, progress));
  // opt takes long: heu+ says which partition it is for.
  const bool manyForOpt = policy == "opt" && partitions.size() > 1;
  CARACAL_TRY(first, makerOf(manyForOpt ? "heu+" : policy, task));
  CARACAL_TRY(best, bestOf(task, first, partitions, progress));
  if (manyForOpt) {
    auto made = make(task, skeletonOf(task, best.plan.partition()));
    CARACAL_TRY(thorough, improvedBy(task, std::move(made), std::move(best)));
    best = std::move(thorough);
  }
  if (task.is1F1B() && best.feasible()) {
    const LayerMoves moves = layersDiffer(task) ? LayerMoves::kSingly : LayerMoves::kTogether;
    best = settled(profile, best, moves);
  }
  if (request.offload && budgetBytes > 0) {
    auto made = withOffload(task, best);
    CARACAL_TRY(offloaded, improvedBy(task, std::move(made), std::move(best)));
    best = std::move(offloaded);
  }
  PlanOutcome outcome = outcomeOf(std::move(best), request);
  CARACAL_CHECK_OK(plan::validate(profile, outcome.plan));
  outcome.searchSeconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  report(progress, 1.0, "done");
  return outcome;
}

}  // namespace caracal::planner
