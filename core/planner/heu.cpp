#include "core/planner/heu.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/plan/plain_policies.h"
#include "core/planner/baselines.h"
#include "core/planner/heu_search.h"
#include "core/planner/pipeline_model.h"

namespace caracal::planner {
namespace {

// One policy per stage, all found at one budget.
struct Choice {
  std::vector<HeuPolicy> stages;
  int64_t stepNs = std::numeric_limits<int64_t>::max();

  bool found() const {
    return std::all_of(stages.begin(), stages.end(),
                       [](const HeuPolicy& stage) { return stage.found; });
  }
  bool complete() const {
    return std::all_of(stages.begin(), stages.end(),
                       [](const HeuPolicy& stage) { return stage.complete; });
  }
  int64_t peakBytes() const {
    int64_t peak = 0;
    for (const HeuPolicy& stage : stages) peak = std::max(peak, stage.peakBytes);
    return peak;
  }
  std::vector<PassTimes> times() const {
    std::vector<PassTimes> all;
    for (const HeuPolicy& stage : stages) all.push_back(stage.times);
    return all;
  }
};

class HeuPlanner {
 public:
  HeuPlanner(const profile::Profile& profile, const plan::Plan& skeleton, MixStop stop)
      : m_profile(profile),
        m_skeleton(skeleton),
        m_pipeline(profile, skeleton),
        m_stop(std::move(stop)) {}

  Result<Candidate> run() {
    m_waiting = optima(Waits::kOfThePipeline);
    m_alone = m_pipeline.nobodyWaits() ? m_waiting : optima(Waits::kNone);
    if (!m_waiting.found() && m_waiting.complete()) return infeasible();
    Candidate candidate;
    const bool complete = m_waiting.complete() && m_alone.complete();
    if (complete) candidate.boundNs = boundNs(m_alone);
    consider(m_waiting, Origin::kOptima);
    consider(m_alone, Origin::kOptima);
    considerBaselines();
    if (complete) considerSmallerBudgets();
    if (m_best.stages.empty() && m_stop.token.stop_requested()) return stoppedWithoutPlan();
    if (m_best.stages.empty()) consider(leastMemory(), Origin::kLeastMemory);
    if (m_best.stages.empty()) return outOfNodes();
    candidate.status = !complete                     ? PlanStatus::kTimeLimit
                       : m_origin == Origin::kOptima ? PlanStatus::kOptimal
                                                     : PlanStatus::kFeasible;
    fill(m_best, candidate);
    addNotes(complete, candidate);
    return candidate;
  }

 private:
  enum class Origin : uint8_t { kOptima, kBaseline, kSmallerBudget, kLeastMemory };

  enum class Waits : uint8_t { kOfThePipeline, kNone };

  // Keeps from `before` the stages whose optimum fits this budget too: it is still the optimum.
  // Takes the nodes that the other stages' searches visit from `nodes`.
  Choice optimaAt(int64_t budgetBytes, Waits waits, Choice before, int64_t& nodes) const {
    Choice choice = std::move(before);
    choice.stages.resize(m_pipeline.size());
    for (size_t s = 0; s < m_pipeline.size(); ++s) {
      HeuPolicy& stage = choice.stages[s];
      if (stage.found && stage.peakBytes <= budgetBytes) continue;
      HeuRequest request;
      request.budgetBytes = budgetBytes;
      request.nodeLimit = std::min(request.nodeLimit, nodes);
      const StageGaps& gaps = waits == Waits::kNone ? m_pipeline.noGaps(s) : m_pipeline.gaps(s);
      stage = searchHeu(m_pipeline.stage(s), gaps, request, m_stop);
      nodes -= stage.nodes;
    }
    return choice;
  }

  Choice optima(Waits waits) const {
    int64_t nodes = kNoLimit;  // each search has its own limit
    return optimaAt(m_pipeline.budgetBytes(), waits, {}, nodes);
  }

  int64_t boundNs(const Choice& alone) const {
    std::vector<int64_t> objectives;
    for (const HeuPolicy& stage : alone.stages) objectives.push_back(stage.objectiveNs);
    return m_pipeline.stepBoundNs(objectives);
  }

  void consider(const Choice& choice, Origin origin) {
    if (!choice.found() || choice.peakBytes() > m_pipeline.budgetBytes()) return;
    const int64_t stepNs = m_pipeline.stepNs(choice.times());
    if (stepNs >= m_best.stepNs) return;
    m_best = choice;
    m_best.stepNs = stepNs;
    m_origin = origin;
  }

  void considerBaselines() {
    for (auto* placementsOf : {&plan::fullPlacements, &plan::withoutAttentionCore}) {
      KindPolicies policies;
      for (const profile::LayerKind& kind : m_profile.kinds) policies.push_back(placementsOf(kind));
      Choice choice;
      for (size_t s = 0; s < m_pipeline.size(); ++s) {
        const StageModel& model = m_pipeline.stage(s);
        HeuPolicy& stage = choice.stages.emplace_back();
        const ResolvedPolicies resolved = model.resolve(policies);
        stage.policies = policies;
        stage.times = model.passTimes(resolved);
        stage.peakBytes = model.peakBytes(policies, resolved);
        stage.found = stage.peakBytes <= m_pipeline.budgetBytes();
      }
      consider(choice, Origin::kBaseline);
    }
  }

  // A stage's optimum may make the whole step longer than a policy that is worse for the stage
  // alone. The optima of smaller budgets are tried too, until their bound says that none can be
  // shorter, or so many nodes have been searched.
  void considerSmallerBudgets() {
    int64_t nodes = 60'000;
    Choice waiting = m_waiting;
    Choice alone = m_alone;
    while (boundNs(alone) < m_best.stepNs) {
      const int64_t budgetBytes = std::max(waiting.peakBytes(), alone.peakBytes()) - 1;
      waiting = optimaAt(budgetBytes, Waits::kOfThePipeline, std::move(waiting), nodes);
      alone = m_pipeline.nobodyWaits()
                  ? waiting
                  : optimaAt(budgetBytes, Waits::kNone, std::move(alone), nodes);
      const bool complete = waiting.complete() && alone.complete();
      if (!complete || !waiting.found() || !alone.found()) return;
      consider(waiting, Origin::kSmallerBudget);
      consider(alone, Origin::kSmallerBudget);
    }
  }

  // Not cut short by a time limit: where nothing else is found, it is what there is.
  Choice leastMemory() const {
    Choice least;
    for (size_t s = 0; s < m_pipeline.size(); ++s) {
      HeuRequest request;
      request.goal = HeuGoal::kLeastMemory;
      least.stages.push_back(
          searchHeu(m_pipeline.stage(s), m_pipeline.noGaps(s), request, {m_stop.token}));
    }
    return least;
  }

  Candidate infeasible() const {
    Choice least = leastMemory();
    least.stepNs = m_pipeline.stepNs(least.times());
    Candidate candidate;
    candidate.status = PlanStatus::kInfeasible;
    fill(least, candidate);
    if (least.complete())
      candidate.smallestBudgetBytes = least.peakBytes();
    else
      candidate.notes.push_back(
          "the search for the smallest budget stopped early; a smaller one may do");
    return candidate;
  }

  Result<Candidate> outOfNodes() const {
    Candidate candidate = infeasible();
    candidate.notes.push_back(
        "the search ended at its node limit before it found a plan that fits");
    return candidate;
  }

  void fill(const Choice& choice, Candidate& candidate) const {
    candidate.plan = m_skeleton;
    candidate.stepNs = choice.stepNs;
    for (size_t s = 0; s < choice.stages.size(); ++s) {
      const HeuPolicy& policy = choice.stages[s];
      candidate.peakBytes.push_back(policy.peakBytes);
      candidate.loadNs.push_back(std::max(policy.times.forwardNs, policy.times.forwardFilledNs) +
                                 policy.times.backwardNs);
      plan::StagePlan& stage = candidate.plan.stages[s];
      const auto firstLayer = static_cast<size_t>(stage.firstLayer);
      for (size_t l = 0; l < stage.layers.size(); ++l) {
        stage.layers[l].placements = policy.policies[m_profile.layers[firstLayer + l]];
      }
    }
  }

  void addNotes(bool complete, Candidate& candidate) const {
    if (m_stop.requested()) {
      endedEarly(m_stop, candidate);
    } else if (!complete) {
      candidate.notes.push_back("the search ended at its node limit; a better policy may exist");
    }
    if (m_origin == Origin::kBaseline) {
      candidate.notes.push_back(
          "a plain baseline makes the whole step shorter than the stages' own optima");
    }
    if (m_origin == Origin::kSmallerBudget) {
      candidate.notes.push_back(
          "policies that are not each stage's own optimum make the whole step shorter; they use "
          "less memory");
    }
  }

  const profile::Profile& m_profile;
  const plan::Plan& m_skeleton;
  PipelineModel m_pipeline;
  MixStop m_stop;
  Choice m_waiting, m_alone;  // the stages' optima with their waits, and with none
  Choice m_best;
  Origin m_origin = Origin::kOptima;
};

}  // namespace

Result<Candidate> heuCandidate(const profile::Profile& profile, const plan::Plan& skeleton,
                               const MixStop& stop) {
  return HeuPlanner(profile, skeleton, stop).run();
}

}  // namespace caracal::planner
