// Plans after their last pass: never slower, never larger, nothing left in a window that could as
// well run on demand. Judged by the simulator.
#include "core/planner/settled_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/planner/baselines.h"
#include "core/profile/profile_json.h"
#include "core/sim/simulator.h"
#include "tests/core/planner/random_plan.h"

namespace caracal::planner {
namespace {

using plan::Placement;
using plan::PlacementKind;
using plan::WindowId;
using profile::LayerKind;

int windowItems(const plan::Plan& plan) {
  int count = 0;
  for (const plan::StagePlan& stage : plan.stages) {
    for (const plan::LayerPolicy& layer : stage.layers)
      count += static_cast<int>(
          std::count_if(layer.placements.begin(), layer.placements.end(),
                        [](Placement p) { return p.kind == PlacementKind::kWindow; }));
  }
  return count;
}

// Whether `plan` could take the place of one that simulates as `settled` does.
bool isAsGood(const profile::Profile& profile, const plan::Plan& plan,
              const sim::SimResult& settled, size_t stage) {
  if (!plan::validate(profile, plan)) return false;
  const auto simulated = sim::simulate(profile, plan);
  return simulated && simulated->fits && simulated->stepNs <= settled.stepNs &&
         simulated->stages[stage].exposedRecomputeNs <= settled.stages[stage].exposedRecomputeNs;
}

// A window's work of one layer, moved by itself.
void expectNothingLeftToMove(const profile::Profile& profile, const plan::Plan& plan) {
  const auto settledRun = sim::simulate(profile, plan);
  ASSERT_TRUE(settledRun);
  for (size_t s = 0; s < plan.stages.size(); ++s) {
    for (size_t l = 0; l < plan.stages[s].layers.size(); ++l) {
      const auto& placements = plan.stages[s].layers[l].placements;
      for (size_t op = 0; op < placements.size(); ++op) {
        if (placements[op].kind != PlacementKind::kWindow) continue;
        plan::Plan moved = plan;
        moved.stages[s].layers[l].placements[op] = {PlacementKind::kOnDemand};
        EXPECT_FALSE(isAsGood(profile, moved, *settledRun, s))
            << "stage " << s << ", layer " << l << ", operator " << op;
      }
    }
  }
}

// A plan that is possible, with many recomputations in windows, at the budget of its peak.
PlanOfProfile possiblePlan(uint64_t seed) {
  PlanOfProfile job = randomPlan(seed);
  const std::vector<LayerKind>& kinds = job.profile.kinds;
  job.plan = test::makePlanOf(job.profile, {test::keepAll(kinds[0]), test::keepAll(kinds[1])});
  job.plan.profileHash = profile::hashOf(job.profile);
  test::Random random(seed);
  for (int i = 0; i < 120; ++i) {
    auto& stages = job.plan.stages;
    auto& layers =
        stages[static_cast<size_t>(test::pick(random, 0, job.profile.parallel.pipeline - 1))]
            .layers;
    auto& placements =
        layers[static_cast<size_t>(test::pick(random, 0, static_cast<int64_t>(layers.size()) - 1))]
            .placements;
    Placement& placement = placements[static_cast<size_t>(
        test::pick(random, 0, static_cast<int64_t>(placements.size()) - 2))];
    const Placement before = placement;
    const bool inWindow = test::pick(random, 0, 4) > 0;
    placement = {inWindow ? PlacementKind::kWindow : PlacementKind::kOnDemand,
                 static_cast<WindowId>(test::pick(random, 0, 5))};
    if (!plan::validate(job.profile, job.plan)) placement = before;
  }
  return job;
}

Candidate candidateOf(const PlanOfProfile& job) {
  auto candidate = simulatedCandidate(job.profile, job.plan);
  EXPECT_TRUE(candidate) << candidate.error().text();
  for (plan::StagePlan& stage : candidate->plan.stages)
    stage.budgetBytes = candidate->smallestBudgetBytes;
  return *candidate;
}

TEST(SettledPlan, isNoSlowerFitsAndLeavesNothingToMove) {
  int moved = 0;
  for (uint64_t seed = 1; seed <= 120; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const PlanOfProfile job = possiblePlan(seed);
    const Candidate before = candidateOf(job);
    const Candidate after = settled(job.profile, before, LayerMoves::kSingly);
    const auto valid = plan::validate(job.profile, after.plan);
    ASSERT_TRUE(valid) << valid.error().text();
    const auto simulated = sim::simulate(job.profile, after.plan);
    ASSERT_TRUE(simulated);
    EXPECT_TRUE(simulated->fits);
    EXPECT_LE(simulated->stepNs, before.stepNs);
    EXPECT_EQ(simulated->stepNs, after.stepNs);
    for (size_t s = 0; s < simulated->stages.size(); ++s)
      EXPECT_EQ(simulated->stages[s].peakBytes, after.peakBytes[s]);
    EXPECT_EQ(settled(job.profile, before, LayerMoves::kSingly).plan, after.plan);
    // With contention a window may cost more than it hides.
    if (job.profile.kappa == 1.0 && job.profile.rho == 1.0)
      expectNothingLeftToMove(job.profile, after.plan);
    EXPECT_LE(windowItems(after.plan), windowItems(before.plan));
    moved += windowItems(before.plan) - windowItems(after.plan);
    if (HasFailure()) return;
  }
  EXPECT_GT(moved, 0);
}

TEST(SettledPlan, isWhatThePlannerReturns) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    PlanOfProfile job = randomPlan(seed);
    job.profile.kappa = job.profile.rho = 1;
    const auto budgetOf = [&](const char* policy) {
      PlanRequest request;
      request.policy = policy;
      request.budgetBytes = 1;
      return makePlan(job.profile, request)->smallestBudgetBytes;
    };
    PlanRequest request;
    request.budgetBytes = (budgetOf("heu+") + budgetOf("none")) / 2;
    const auto made = makePlan(job.profile, request);
    ASSERT_TRUE(made) << made.error().text();
    if (made->status == PlanStatus::kOptimal) continue;
    expectNothingLeftToMove(job.profile, made->plan);
  }
}

TEST(SettledPlan, keepsOnePolicyPerKindAndStageWhereLayersMoveTogether) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    PlanOfProfile job = randomPlan(seed);
    for (plan::StagePlan& stage : job.plan.stages) {
      std::vector<const plan::LayerPolicy*> ofKind(job.profile.kinds.size());
      for (int32_t l = 0; l < stage.layerCount(); ++l) {
        auto& first = ofKind[job.profile.layers[static_cast<size_t>(stage.firstLayer + l)]];
        plan::LayerPolicy& layer = stage.layers[static_cast<size_t>(l)];
        if (first == nullptr) first = &layer;
        layer = *first;
      }
    }
    const Candidate before = candidateOf(job);
    const Candidate after = settled(job.profile, before, LayerMoves::kTogether);
    const auto simulated = sim::simulate(job.profile, after.plan);
    ASSERT_TRUE(simulated);
    EXPECT_TRUE(simulated->fits);
    EXPECT_LE(simulated->stepNs, before.stepNs);
    for (const plan::StagePlan& stage : after.plan.stages) {
      for (int32_t a = 0; a < stage.layerCount(); ++a) {
        for (int32_t b = 0; b < a; ++b) {
          const auto kind = [&](int32_t l) {
            return job.profile.layers[static_cast<size_t>(stage.firstLayer + l)];
          };
          if (kind(a) == kind(b)) {
            EXPECT_EQ(stage.layers[static_cast<size_t>(a)], stage.layers[static_cast<size_t>(b)]);
          }
        }
      }
    }
    if (HasFailure()) return;
  }
}

// The window takes 10 ns: `act` lies beyond its brim; `fc1` is hidden in part, which is worth its
// place. The top layer of a stage has no such window at all.
TEST(SettledPlan, movesWhatLiesBeyondTheBrimAlone) {
  const profile::Profile profile = test::makeProfile(test::tinyLayer(), 3, 1, 2);
  const auto placements = [&](const std::string& text) {
    return test::placements(profile.kinds.front(), "residual1=retained " + text);
  };
  const PlanOfProfile job{
      profile, test::makePlanOf(profile, {placements("ln1=prev.bwd.attn attn=prev.bwd.attn "
                                                     "fc1=prev.bwd.attn act=prev.bwd.attn")})};
  const auto layers =
      settled(profile, candidateOf(job), LayerMoves::kSingly).plan.stages.front().layers;
  const auto below =
      placements("ln1=prev.bwd.attn attn=prev.bwd.attn fc1=prev.bwd.attn act=onDemand");
  EXPECT_EQ(layers[0].placements, below);
  EXPECT_EQ(layers[1].placements, below);
  EXPECT_EQ(layers[2].placements,
            placements("ln1=onDemand attn=onDemand fc1=onDemand act=onDemand"));
}

}  // namespace
}  // namespace caracal::planner
