#include "core/planner/policy.h"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

#include "core/planner/baselines.h"
#include "core/planner/heu.h"
#include "core/planner/heu_plus.h"
#include "core/planner/opt.h"
#include "core/planner/partition.h"
#include "core/planner/partition_search.h"
#include "core/planner/stage_solver.h"
#include "core/profile/profile_json.h"

namespace caracal::planner {
namespace {

Result<void> checkRequest(const profile::Profile& profile, const PlanRequest& request) {
  CARACAL_CHECK_OK(profile::validate(profile));
  const std::string& schedule = request.schedule.empty() ? profile.schedule : request.schedule;
  if (schedule != "1F1B") {
    return fail(ErrorCode::kUnsupported, "schedule `{}` cannot be planned yet; only 1F1B can",
                schedule);
  }
  if (request.budgetBytes < 0)
    return fail(ErrorCode::kInvalidInput, "the budget is negative; 0 means no limit");
  return {};
}

struct PlanningTask {
  const profile::Profile& profile;
  const PlanRequest& request;
  std::stop_token stop;
};

using MakeCandidate = Result<Candidate> (*)(const PlanningTask& task, plan::Plan skeleton);

struct PolicyEntry {
  PolicyInfo info;
  MakeCandidate make;
};

Result<Candidate> makeBaseline(const PlanningTask& task, plan::Plan skeleton) {
  CARACAL_TRY(baseline, baselineFromName(task.request.policy));
  return baselineCandidate(task.profile, *baseline, std::move(skeleton), task.stop);
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

Result<Candidate> makeCheckmate(const PlanningTask& task, plan::Plan skeleton) {
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
  return heuCandidate(task.profile, skeleton, HeuEffort::kThorough, task.stop);
}

Result<Candidate> makeHeuPlus(const PlanningTask& task, plan::Plan skeleton) {
  return heuPlusCandidate(task.profile, skeleton, HeuEffort::kThorough, task.stop);
}

Result<Candidate> makeOpt(const PlanningTask& task, plan::Plan skeleton) {
  return optCandidate(task.profile, skeleton, task.request.timeLimitSeconds, task.stop);
}

const std::vector<PolicyEntry>& entries() {
  static const std::vector<PolicyEntry> kEntries{
      {{"none", "Keep every tensor that backward needs; nothing is recomputed."}, &makeBaseline},
      {{"full", "Keep only each layer's input and run the layer again before its backward."},
       &makeBaseline},
      {{"selective", "Recompute the attention core, keep the rest."}, &makeBaseline},
      {{"uniform:N", "As full, keeping only the input of every N-th layer of a stage."},
       &makeBaseline},
      {{"block:N", "Recompute the first N layers of each stage fully, keep the others."},
       &makeBaseline},
      {{"knapsack",
        "Save the operators that take longest per byte under a memory budget, as PyTorch does."},
       &makeStagewise},
      {{"checkmate", "Recompute as little as the memory allows, on demand; exact per stage."},
       &makeCheckmate},
      {{"heu",
        "Choose per tensor: keep it, rebuild it in a communication window, or on demand; exact per "
        "stage."},
       &makeHeu},
      {{"heu+", "As heu, but the layers of a stage may differ: memory that is left over is used."},
       &makeHeuPlus},
      {{"opt", "As heu+, searched thoroughly, with a proven bound on the step."}, &makeOpt},
  };
  return kEntries;
}

// "uniform:2" is an instance of "uniform:N".
bool isInstanceOf(std::string_view policy, std::string_view listed) {
  if (!listed.ends_with(":N")) return policy == listed;
  const std::string_view family = listed.substr(0, listed.size() - 2);
  return policy == family || (policy.starts_with(family) && policy[family.size()] == ':');
}

Result<MakeCandidate> makerOf(const std::string& policy) {
  std::string known;
  for (const PolicyEntry& entry : entries()) {
    if (isInstanceOf(policy, entry.info.name)) {
      if (const auto baseline = baselineFromName(policy); !baseline)
        return tl::unexpected(baseline.error());
      return entry.make;
    }
    known += (known.empty() ? "" : ", ") + std::string(entry.info.name);
  }
  return fail(ErrorCode::kInvalidInput, "unknown policy `{}`; known are {}", policy, known);
}

// Partitions worth planning in full, the most promising first. The searches value a stage by itself
// (stage_solver.h); the policy has the last word.
Result<std::vector<std::vector<int32_t>>> partitionsFor(const PlanningTask& task,
                                                        int64_t budgetBytes,
                                                        const Progress& progress) {
  const PlanRequest& request = task.request;
  const auto layers = static_cast<int32_t>(task.profile.layers.size());
  const int32_t stages = task.profile.parallel.pipeline;
  if (request.partition == PartitionMode::kGiven) {
    CARACAL_CHECK_OK(checkPartition(request.layersOfStage, layers, stages));
    return std::vector<std::vector<int32_t>>{request.layersOfStage};
  }
  CARACAL_TRY(even, evenPartition(layers, stages));
  if (request.partition == PartitionMode::kEven) return std::vector<std::vector<int32_t>>{even};
  StageSolver solver(task.profile, request.policy, budgetBytes, task.stop);
  std::vector<std::vector<int32_t>> partitions;
  if (request.partition == PartitionMode::kGreedy) {
    partitions = {greedyPartition(solver, even, progress)};
  } else if (request.partition == PartitionMode::kDp) {
    partitions = {minimaxPartition(solver, progress)};
  } else {
    const std::vector<int32_t> dp = minimaxPartition(solver, progress);
    const std::vector<int32_t> greedy = greedyPartition(solver, even, progress);
    for (const PartitionValue& value : searchPartitions(solver, {dp, greedy, even}, progress))
      partitions.push_back(value.layersOfStage);
  }
  if (task.stop.stop_requested()) return fail(ErrorCode::kCancelled, "planning cancelled");
  return partitions;
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
  CARACAL_TRY(make, makerOf(request.policy));
  const int64_t budgetBytes =
      request.budgetBytes > 0 ? request.budgetBytes : profile.memory.capacityBytes;
  const PlanningTask task{profile, request, stop};
  CARACAL_TRY(partitions, partitionsFor(task, budgetBytes, progress));
  std::optional<Candidate> best;
  for (const std::vector<int32_t>& partition : partitions) {
    report(progress, 0.9, "planning the stages");
    CARACAL_TRY(candidate,
                make(task, skeletonPlan(profile, partition, budgetBytes, request.policy)));
    if (!best || better(candidate, *best, budgetBytes)) best = std::move(candidate);
  }
  PlanOutcome outcome = outcomeOf(std::move(*best), request);
  CARACAL_CHECK_OK(plan::validate(profile, outcome.plan));
  outcome.searchSeconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  report(progress, 1.0, "done");
  return outcome;
}

}  // namespace caracal::planner
