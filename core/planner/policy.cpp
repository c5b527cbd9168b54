#include "core/planner/policy.h"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

#include "core/plan/schedule.h"
#include "core/planner/baselines.h"
#include "core/planner/heu.h"
#include "core/planner/heu_plus.h"
#include "core/planner/offload_search.h"
#include "core/planner/operator_budget.h"
#include "core/planner/opt.h"
#include "core/planner/partition.h"
#include "core/planner/planned_partitions.h"
#include "core/planner/scheduled_plan.h"
#include "core/planner/stage_solver.h"
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

enum class Schedules : uint8_t { kAny, k1F1B };

struct PolicyEntry {
  PolicyInfo info;
  Schedules schedules;
  MakeCandidate make;
};

Result<Candidate> makeBaseline(const PlanningTask& task, plan::Plan skeleton) {
  CARACAL_TRY(baseline, baselineFromName(task.request.policy));
  return baselineCandidate(task.profile, *baseline, std::move(skeleton), task.stop);
}

// One selection for the whole job: the largest fraction under which every device fits, supposing
// that more saved bytes never need less memory.
Result<Candidate> makeKnapsackByFraction(const PlanningTask& task, const plan::Plan& skeleton) {
  const OperatorBudgetPolicy knapsack(task.profile);
  const auto candidateAt = [&](size_t fraction) {
    plan::Plan plan = skeleton;
    applyPolicies(task.profile, knapsack.policiesAt(knapsack.fractions()[fraction]), plan);
    return simulatedCandidate(task.profile, std::move(plan), task.stop);
  };
  CARACAL_TRY(best, candidateAt(0));
  size_t fits = 0;
  for (size_t beyond = knapsack.fractions().size(); best.feasible() && beyond - fits > 1;) {
    const size_t middle = fits + (beyond - fits) / 2;
    CARACAL_TRY(tried, candidateAt(middle));
    if (!tried.feasible()) {
      beyond = middle;
      continue;
    }
    fits = middle;
    best = std::move(tried);
  }
  return best;
}

std::vector<StageChoice> choicesOf(StageSolver& solver, const plan::Plan& skeleton) {
  std::vector<StageChoice> choices;
  for (size_t s = 0; s < skeleton.stages.size(); ++s) {
    const plan::StagePlan& stage = skeleton.stages[s];
    choices.push_back(solver.solve(static_cast<int32_t>(s), stage.firstLayer, stage.layerCount()));
  }
  return choices;
}

Result<Candidate> makeStagewise(const PlanningTask& task, plan::Plan skeleton) {
  StageSolver solver(task.profile, task.request.policy, skeleton.stages.front().budgetBytes,
                     task.stop);
  std::vector<StageChoice> choices = choicesOf(solver, skeleton);
  if (task.stop.stop_requested()) return fail(ErrorCode::kCancelled, "planning cancelled");
  return candidateOf(task.profile, std::move(skeleton), std::move(choices));
}

Result<Candidate> makeKnapsack(const PlanningTask& task, plan::Plan skeleton) {
  return task.is1F1B() ? makeStagewise(task, std::move(skeleton))
                       : makeKnapsackByFraction(task, skeleton);
}

Result<Candidate> makeCheckmate(const PlanningTask& task, plan::Plan skeleton) {
  if (!task.is1F1B())
    return scheduledCandidate(task.profile, skeleton, ChunkPolicy::kCheckmate, task.stop);
  CARACAL_TRY(candidate, makeStagewise(task, std::move(skeleton)));
  if (!candidate.feasible()) return candidate;
  if (candidate.notes.empty()) {  // the search was complete
    candidate.status = PlanStatus::kOptimal;
    candidate.boundNs = candidate.stepNs;
  } else {
    candidate.status = PlanStatus::kTimeLimit;
  }
  return candidate;
}

Result<Candidate> makeHeu(const PlanningTask& task, plan::Plan skeleton) {
  if (!task.is1F1B())
    return scheduledCandidate(task.profile, skeleton, ChunkPolicy::kHeu, task.stop);
  return heuCandidate(task.profile, skeleton, task.stop);
}

Result<Candidate> makeHeuPlus(const PlanningTask& task, plan::Plan skeleton) {
  if (!task.is1F1B())
    return scheduledCandidate(task.profile, skeleton, ChunkPolicy::kHeuPlus, task.stop);
  return heuPlusCandidate(task.profile, skeleton, task.request.timeLimitSeconds, task.stop);
}

Result<Candidate> makeOpt(const PlanningTask& task, plan::Plan skeleton) {
  return optCandidate(task.profile, skeleton, task.request.timeLimitSeconds, task.stop);
}

const std::vector<PolicyEntry>& entries() {
  static const std::vector<PolicyEntry> kEntries{
      {{"none", "Keep every tensor that backward needs; nothing is recomputed."},
       Schedules::kAny,
       &makeBaseline},
      {{"full", "Keep only each layer's input and run the layer again before its backward."},
       Schedules::kAny,
       &makeBaseline},
      {{"selective", "Recompute the attention core, keep the rest."},
       Schedules::kAny,
       &makeBaseline},
      {{"uniform:N", "As full, keeping only the input of every N-th layer of a stage."},
       Schedules::kAny,
       &makeBaseline},
      {{"block:N", "Recompute the first N layers of each stage fully, keep the others."},
       Schedules::kAny,
       &makeBaseline},
      {{"knapsack",
        "Save the operators that take longest per byte under a memory budget, as PyTorch does."},
       Schedules::kAny,
       &makeKnapsack},
      {{"checkmate", "Recompute as little as the memory allows, on demand; exact per stage."},
       Schedules::kAny,
       &makeCheckmate},
      {{"heu",
        "Choose per tensor: keep it, rebuild it in a communication window, or on demand; exact per "
        "stage."},
       Schedules::kAny,
       &makeHeu},
      {{"heu+", "As heu, but the layers of a stage may differ: memory that is left over is used."},
       Schedules::kAny,
       &makeHeuPlus},
      {{"opt", "As heu+, searched thoroughly, with a proven bound on the step."},
       Schedules::k1F1B,
       &makeOpt},
  };
  return kEntries;
}

// "uniform:2" is an instance of "uniform:N".
bool isInstanceOf(std::string_view policy, std::string_view listed) {
  if (!listed.ends_with(":N")) return policy == listed;
  const std::string_view family = listed.substr(0, listed.size() - 2);
  return policy == family || (policy.starts_with(family) && policy[family.size()] == ':');
}

std::string namesOf(std::optional<Schedules> schedules) {
  std::string names;
  for (const PolicyEntry& entry : entries()) {
    if (schedules && entry.schedules != *schedules) continue;
    names += (names.empty() ? "" : ", ") + std::string(entry.info.name);
  }
  return names;
}

Result<MakeCandidate> makerOf(const PlanningTask& task) {
  const std::string& policy = task.request.policy;
  for (const PolicyEntry& entry : entries()) {
    if (!isInstanceOf(policy, entry.info.name)) continue;
    if (const auto baseline = baselineFromName(policy); !baseline)
      return tl::unexpected(baseline.error());
    if (entry.schedules == Schedules::k1F1B && !task.is1F1B()) {
      return fail(ErrorCode::kUnsupported,
                  "policy {} proves its bound with the passes of 1F1B and cannot plan {}; {} can",
                  policy, plan::toText(task.schedule.name), namesOf(Schedules::kAny));
    }
    return entry.make;
  }
  return fail(ErrorCode::kInvalidInput, "unknown policy `{}`; known are {}", policy,
              namesOf(std::nullopt));
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
  CARACAL_TRY(result, sim::simulate(task.profile, made->plan, {}, task.stop));
  made->stepNs = result.stepNs;
  return made;
}

// REQUIRES at least one partition.
Result<Candidate> bestOf(const PlanningTask& task, MakeCandidate make, const Partitions& partitions,
                         const Progress& progress) {
  std::optional<Candidate> best;
  for (const std::vector<int32_t>& partition : partitions) {
    report(progress, 0.9, "planning the stages");
    CARACAL_TRY(candidate, madeWhole(task, make(task, skeletonOf(task, partition))));
    if (!best || better(candidate, *best, task.budgetBytes)) best = std::move(candidate);
  }
  return std::move(*best);
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
  const bool layersDiffer = task.request.policy == "heu+" || task.request.policy == "opt";
  const TensorExchange exchange = layersDiffer ? TensorExchange::kSingle : TensorExchange::kNone;
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
    for (const PolicyEntry& entry : entries()) infos.push_back(entry.info);
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
  CARACAL_TRY(make, makerOf(task));
  // Where partitions are searched by planning each of them, heu says what heu+ would make of it.
  const MakeCandidate quick = make == &makeHeuPlus ? &makeHeu : make;
  CARACAL_TRY(partitions, partitionsFor(task, quick, progress));
  // opt takes long: heu+ says which partition it is for.
  const bool manyForOpt = make == &makeOpt && partitions.size() > 1;
  CARACAL_TRY(best, bestOf(task, manyForOpt ? &makeHeuPlus : make, partitions, progress));
  if (manyForOpt) {
    CARACAL_TRY(thorough, make(task, skeletonOf(task, best.plan.partition())));
    best = std::move(thorough);
  }
  if (request.offload && budgetBytes > 0) {
    CARACAL_TRY(offloaded, withOffload(task, std::move(best)));
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
