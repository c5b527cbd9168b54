// Plans after their last pass: never slower, never larger; what lies beyond the brim of a window
// runs on demand. Judged by the simulator.
#include "core/planner/settled_plan.h"

#include <gtest/gtest.h>

#include "core/planner/baselines.h"
#include "core/sim/simulator.h"
#include "tests/core/planner/random_plan.h"

namespace caracal::planner {
namespace {

Candidate candidateOf(const PlanOfProfile& job) {
  auto candidate = simulatedCandidate(job.profile, job.plan);
  EXPECT_TRUE(candidate) << candidate.error().text();
  for (plan::StagePlan& stage : candidate->plan.stages)
    stage.budgetBytes = candidate->smallestBudgetBytes;
  return *candidate;
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
