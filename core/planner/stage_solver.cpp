#include "core/planner/stage_solver.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/plan/plain_policies.h"
#include "core/planner/baselines.h"
#include "core/planner/checkmate.h"
#include "core/planner/heu_choice.h"
#include "core/planner/heu_search.h"
#include "core/planner/operator_budget.h"
#include "core/planner/stage_model.h"
#include "core/sim/simulator.h"

namespace caracal::planner {
namespace {

// The peak of a stage whose layers are not alike, from its program: that of a pipeline in which the
// other stages hold one layer each, and no more micro-batches run than its peak needs.
int64_t peakFromProgram(const plan::StageShape& shape,
                        const std::vector<plan::LayerPolicy>& layers) {
  profile::Profile profile = shape.profile;
  profile.parallel.microBatches = std::min(profile.parallel.microBatches, shape.inFlight() + 1);
  profile.layers.clear();
  const uint32_t anyKind = shape.profile.layers.front();
  std::vector<int32_t> partition;
  for (int32_t s = 0; s < shape.stages; ++s) {
    const bool own = s == shape.stage;
    partition.push_back(own ? shape.plan.layerCount() : 1);
    for (int32_t l = 0; l < partition.back(); ++l) {
      profile.layers.push_back(
          own ? shape.profile.layers[static_cast<size_t>(shape.firstLayer() + l)] : anyKind);
    }
  }
  profile.model.layers = static_cast<int32_t>(profile.layers.size());
  plan::Plan plan = skeletonPlan(profile, partition, 0, "edited");
  for (plan::StagePlan& stage : plan.stages) {
    for (plan::LayerPolicy& layer : stage.layers)
      layer.placements = plan::keepAllPlacements(profile.kindOf(stage.firstLayer));
  }
  const auto own = static_cast<size_t>(shape.stage);
  plan.stages[own].layers = layers;
  const auto simulated = sim::simulate(profile, plan);
  // No program: nothing that could fit.
  return simulated ? simulated->stages[own].peakBytes : kNoLimit;
}

StageChoice baselineChoice(const StageModel& model, const Baseline& baseline) {
  const plan::StageShape& shape = model.shape();
  StageChoice choice;
  for (int32_t l = 0; l < shape.plan.layerCount(); ++l) {
    choice.layers.push_back(
        baselineLayer(baseline, shape.profile.kindOf(shape.firstLayer() + l), l));
  }
  const bool alike = baseline.kind != BaselineKind::kBlock &&
                     (baseline.kind != BaselineKind::kUniform || baseline.layers == 1);
  if (alike) {
    KindPolicies policies;
    for (const profile::LayerKind& kind : shape.profile.kinds)
      policies.push_back(baselineLayer(baseline, kind, 0).placements);
    return choiceOf(model, policies);
  }
  // Baselines use no windows: what they recompute is added to every backward.
  choice.times = model.plainTimes();
  choice.times.backwardNs += recomputeNs(shape, choice.layers);
  choice.peakBytes = peakFromProgram(shape, choice.layers);
  return choice;
}

}  // namespace

StageSolver::StageSolver(const profile::Profile& profile, const std::string& policy,
                         int64_t budgetBytes, std::stop_token stop)
    : m_profile(profile),
      m_graphs(profile),
      m_budgetBytes(budgetBytes > 0 ? budgetBytes : kNoLimit),
      m_stop(std::move(stop)) {
  const auto baseline = baselineFromName(policy);
  if (baseline && *baseline) {
    m_solve = [found = **baseline](const StageModel& model) {
      return baselineChoice(model, found);
    };
  } else if (policy == "checkmate") {
    m_solve = [this,
               checkmate = std::make_shared<CheckmatePolicy>(profile)](const StageModel& model) {
      return checkmate->solve(model, m_budgetBytes, m_stop);
    };
  } else if (policy == "knapsack") {
    m_solve = [this, knapsack = std::make_shared<OperatorBudgetPolicy>(profile)](
                  const StageModel& model) { return knapsack->solve(model, m_budgetBytes); };
  } else {
    m_solve = [this](const StageModel& model) {
      return heuChoice(model, noGapsOf(model), m_budgetBytes, {m_stop});
    };
  }
}

StageSolver::Key StageSolver::keyOf(int32_t stage, int32_t firstLayer, int32_t count) const {
  const auto begin = m_profile.layers.begin() + firstLayer;
  return {std::min(stages() - stage, m_profile.parallel.microBatches), stage == 0,
          stage == stages() - 1, std::vector<uint32_t>(begin, begin + count)};
}

const StageChoice& StageSolver::solve(int32_t stage, int32_t firstLayer, int32_t count) {
  const auto [entry, isNew] = m_choices.try_emplace(keyOf(stage, firstLayer, count));
  if (!isNew) return entry->second;
  plan::StagePlan plan;
  plan.firstLayer = firstLayer;
  plan.layers.resize(static_cast<size_t>(count));
  const StageModel model(plan::StageShape{m_profile, m_graphs, plan, stage, stages()});
  entry->second = m_solve(model);
  entry->second.fits = entry->second.peakBytes <= m_budgetBytes;
  return entry->second;
}

int64_t StageSolver::leastLoadNs(int32_t stage, int32_t firstLayer, int32_t count) {
  plan::StagePlan plan;
  plan.firstLayer = firstLayer;
  plan.layers.resize(static_cast<size_t>(count));
  return loadNs(
      StageModel(plan::StageShape{m_profile, m_graphs, plan, stage, stages()}).plainTimes());
}

}  // namespace caracal::planner
