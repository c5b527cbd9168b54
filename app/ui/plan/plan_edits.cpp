#include "app/ui/plan/plan_edits.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <iterator>

#include "core/plan/layer_graph.h"
#include "core/plan/schedule.h"
#include "core/planner/policy.h"

namespace caracal::ui {
namespace {

using plan::Placement;
using plan::PlacementKind;
using plan::WindowId;

std::vector<Placement> placementsOf(const profile::LayerKind& kind, const profile::Operator& op) {
  std::vector<Placement> placements{{PlacementKind::kRetained}};
  const plan::LayerGraph graph = plan::graphOf(kind);
  for (int w = 0; w < plan::kWindowCount; ++w) {
    const auto window = static_cast<WindowId>(w);
    if (window == WindowId::kDataParallel)
      continue;  // nothing is recomputed after the last backward
    if (window != WindowId::kPipe && !graph.hasHost(window)) continue;
    placements.push_back({PlacementKind::kWindow, window});
  }
  placements.push_back({PlacementKind::kOnDemand});
  placements.push_back({PlacementKind::kOffload});
  if (!op.needed()) placements.push_back({PlacementKind::kDiscarded});
  return placements;
}

}  // namespace

plan::Plan withPlacement(const profile::Profile& profile, plan::Plan plan, int32_t stage,
                         int32_t layer, uint32_t kind, size_t op, Placement placement) {
  plan::StagePlan& of = plan.stages[static_cast<size_t>(stage)];
  for (int32_t l = 0; l < of.layerCount(); ++l) {
    if (layer != kEveryLayer && layer != l) continue;
    if (profile.layers[static_cast<size_t>(of.firstLayer + l)] != kind) continue;
    plan::LayerPolicy& policy = of.layers[static_cast<size_t>(l)];
    policy.placements[op] = placement;
    // A layer that keeps or hides something starts from its own input again.
    if (placement.kind != PlacementKind::kOnDemand) policy.keepsInput = true;
  }
  plan.policy = "edited";
  return plan;
}

plan::Plan withPartition(const profile::Profile& profile, const plan::Plan& plan,
                         const std::vector<int32_t>& layersOfStage) {
  assert(layersOfStage.size() == plan.stages.size() && "a partition names every stage");
  plan::Plan result = plan;
  std::vector<const plan::LayerPolicy*> before;
  for (const plan::StagePlan& stage : plan.stages) {
    for (const plan::LayerPolicy& layer : stage.layers) before.push_back(&layer);
  }
  int32_t first = 0;
  for (size_t s = 0; s < layersOfStage.size(); ++s) {
    const plan::StagePlan& old = plan.stages[s];
    plan::StagePlan& stage = result.stages[s];
    stage.firstLayer = first;
    stage.layers.clear();
    for (int32_t layer = first; layer < first + layersOfStage[s]; ++layer) {
      const plan::LayerPolicy* policy = before[static_cast<size_t>(layer)];
      int32_t nearest = INT32_MAX;
      for (int32_t o = old.firstLayer; o < old.firstLayer + old.layerCount(); ++o) {
        const bool sameKind =
            profile.layers[static_cast<size_t>(o)] == profile.layers[static_cast<size_t>(layer)];
        if (!sameKind || std::abs(o - layer) >= nearest) continue;
        nearest = std::abs(o - layer);
        policy = before[static_cast<size_t>(o)];
      }
      stage.layers.push_back(*policy);
    }
    first += layersOfStage[s];
  }
  result.policy = "edited";
  return result;
}

plan::Plan withBudget(plan::Plan plan, int64_t budgetBytes) {
  for (plan::StagePlan& stage : plan.stages) stage.budgetBytes = budgetBytes;
  return plan;
}

std::vector<int32_t> movedBoundary(std::vector<int32_t> layers, size_t boundary, int32_t delta) {
  delta = std::clamp(delta, 1 - layers[boundary], layers[boundary + 1] - 1);
  layers[boundary] += delta;
  layers[boundary + 1] -= delta;
  return layers;
}

Result<plan::Plan> withSchedule(plan::Plan plan, const std::string& name) {
  CARACAL_TRY(schedule,
              plan::makeSchedule(name, plan.parallel.pipeline, plan.parallel.microBatches));
  plan.schedule = plan::toText(schedule.name);
  if (static_cast<size_t>(schedule.chunks) == plan.stages.size()) return plan;
  std::vector<plan::LayerPolicy> layers;
  for (plan::StagePlan& stage : plan.stages)
    std::move(stage.layers.begin(), stage.layers.end(), std::back_inserter(layers));
  CARACAL_TRY(layersOfStage,
              planner::evenPartition(static_cast<int32_t>(layers.size()), schedule.chunks));
  const int64_t budgetBytes = plan.stages.front().budgetBytes;
  plan.stages.clear();
  auto next = layers.begin();
  for (const int32_t count : layersOfStage) {
    next->keepsInput = true;
    const auto first = static_cast<int32_t>(next - layers.begin());
    plan.stages.push_back({first, {next, next + count}, budgetBytes});
    next += count;
  }
  plan.policy = "edited";
  return plan;
}

int32_t inFlight(const plan::Plan& plan, int32_t stage) {
  const plan::Schedule schedule =
      plan::makeSchedule(plan.schedule, plan.parallel.pipeline, plan.parallel.microBatches).value();
  int32_t most = 0;
  for (size_t d = 0; d < schedule.orders.size(); ++d) {
    const std::vector<int32_t>& held = schedule.chunksOf[d];
    if (std::find(held.begin(), held.end(), stage) != held.end())
      most = std::max(most, plan::inFlight(schedule.orders[d], stage));
  }
  return most;
}

std::vector<PlacementChoice> placementChoices(const profile::Profile& profile,
                                              const plan::Plan& plan, int32_t stage, int32_t layer,
                                              uint32_t kind, size_t op) {
  const profile::LayerKind& layerKind = profile.kinds[kind];
  std::vector<PlacementChoice> choices;
  for (const Placement& placement : placementsOf(layerKind, layerKind.operators[op])) {
    const auto valid =
        plan::validate(profile, withPlacement(profile, plan, stage, layer, kind, op, placement));
    choices.push_back({placement, valid ? std::string() : valid.error().text()});
  }
  return choices;
}

}  // namespace caracal::ui
