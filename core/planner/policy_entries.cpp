#include "core/planner/policy_entries.h"

#include <utility>

#include "core/plan/schedule.h"
#include "core/planner/baselines.h"
#include "core/planner/heu.h"
#include "core/planner/heu_plus.h"
#include "core/planner/operator_budget.h"
#include "core/planner/opt.h"
#include "core/planner/scheduled_plan.h"
#include "core/planner/stage_solver.h"

namespace caracal::planner {
namespace {

MixStop stopOf(const PlanningTask& task) {
  return stopAfter(task.request.timeLimitSeconds, task.stop);
}

Result<Candidate> makeBaseline(const PlanningTask& task, plan::Plan skeleton) {
  CARACAL_TRY(baseline, baselineFromName(task.request.policy));
  return baselineCandidate(task.profile, *baseline, std::move(skeleton));
}

// One selection for the whole job: the largest fraction under which every device fits, supposing
// that more saved bytes never need less memory.
Result<Candidate> makeKnapsackByFraction(const PlanningTask& task, plan::Plan skeleton) {
  const OperatorBudgetPolicy knapsack(task.profile);
  const auto candidateAt = [&](size_t fraction) {
    plan::Plan plan = skeleton;
    applyPolicies(task.profile, knapsack.policiesAt(knapsack.fractions()[fraction]), plan);
    return simulatedCandidate(task.profile, std::move(plan));
  };
  CARACAL_TRY(best, candidateAt(0));
  size_t fits = 0;
  for (size_t beyond = knapsack.fractions().size(); best.feasible() && beyond - fits > 1;) {
    if (task.stop.stop_requested()) {
      endedEarly(stopOf(task), best);
      break;
    }
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
  Candidate candidate = candidateOf(task.profile, std::move(skeleton), std::move(choices));
  if (!task.stop.stop_requested()) return candidate;
  if (!candidate.feasible()) return stoppedWithoutPlan();
  endedEarly(stopOf(task), candidate);
  return candidate;
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
  return heuCandidate(task.profile, skeleton, stopOf(task));
}

Result<Candidate> makeHeuPlus(const PlanningTask& task, plan::Plan skeleton) {
  return heuPlusCandidate(task.profile, skeleton, task.request.timeLimitSeconds, task.stop);
}

template <ChunkPolicy kPolicy>
Result<Candidate> makeByChunks(const PlanningTask& task, plan::Plan skeleton) {
  return scheduledCandidate(task.profile, skeleton, kPolicy, stopOf(task));
}

Result<Candidate> makeOpt(const PlanningTask& task, plan::Plan skeleton) {
  return optCandidate(task.profile, skeleton, task.request.timeLimitSeconds, task.stop);
}

// "uniform:2" is an instance of "uniform:N".
bool isInstanceOf(std::string_view policy, std::string_view listed) {
  if (!listed.ends_with(":N")) return policy == listed;
  const std::string_view family = listed.substr(0, listed.size() - 2);
  return policy == family || (policy.starts_with(family) && policy[family.size()] == ':');
}

enum class Listed : uint8_t { kAll, kForAnySchedule };

std::string namesOf(Listed listed) {
  std::string names;
  for (const PolicyEntry& entry : policyEntries()) {
    if (listed == Listed::kForAnySchedule && entry.makeScheduled == nullptr) continue;
    names += (names.empty() ? "" : ", ") + std::string(entry.info.name);
  }
  return names;
}

}  // namespace

const std::vector<PolicyEntry>& policyEntries() {
  static const std::vector<PolicyEntry> kEntries{
      {{"none", "Keep every tensor that backward needs; nothing is recomputed."},
       &makeBaseline,
       &makeBaseline},
      {{"full", "Keep only each layer's input and run the layer again before its backward."},
       &makeBaseline,
       &makeBaseline},
      {{"selective", "Recompute the attention core, keep the rest."}, &makeBaseline, &makeBaseline},
      {{"uniform:N", "As full, keeping only the input of every N-th layer of a stage."},
       &makeBaseline,
       &makeBaseline},
      {{"block:N", "Recompute the first N layers of each stage fully, keep the others."},
       &makeBaseline,
       &makeBaseline},
      {{"knapsack",
        "Save the operators that take longest per byte under a memory budget, as PyTorch does."},
       &makeStagewise,
       &makeKnapsackByFraction},
      {{"checkmate", "Recompute as little as the memory allows, on demand; exact per stage."},
       &makeCheckmate,
       &makeByChunks<ChunkPolicy::kCheckmate>},
      {{"heu",
        "Choose per tensor: keep it, rebuild it in a communication window, or on demand; exact per "
        "stage."},
       &makeHeu,
       &makeByChunks<ChunkPolicy::kHeu>},
      {{"heu+", "As heu, but the layers of a stage may differ: memory that is left over is used."},
       &makeHeuPlus,
       &makeByChunks<ChunkPolicy::kHeuPlus>},
      {{"opt", "As heu+, searched thoroughly, with a proven bound on the step."},
       &makeOpt,
       nullptr},
  };
  return kEntries;
}

Result<MakeCandidate> makerOf(std::string_view policy, const PlanningTask& task) {
  for (const PolicyEntry& entry : policyEntries()) {
    if (!isInstanceOf(policy, entry.info.name)) continue;
    if (const auto baseline = baselineFromName(std::string(policy)); !baseline)
      return tl::unexpected(baseline.error());
    if (task.is1F1B()) return entry.make;
    if (entry.makeScheduled != nullptr) return entry.makeScheduled;
    return fail(ErrorCode::kUnsupported,
                "policy {} proves its bound with the passes of 1F1B and cannot plan {}; {} can",
                policy, plan::toText(task.schedule.name), namesOf(Listed::kForAnySchedule));
  }
  return fail(ErrorCode::kInvalidInput, "unknown policy `{}`; known are {}", policy,
              namesOf(Listed::kAll));
}

}  // namespace caracal::planner
