// Layers that differ: heu+ and opt against every chain of small stages, and against each other.
#include "core/planner/opt.h"

#include <gtest/gtest.h>

#include <optional>

#include "core/plan/plan_json.h"
#include "core/planner/baselines.h"
#include "core/planner/policy.h"
#include "core/planner/stage_mix.h"
#include "core/sim/simulator.h"
#include "tests/support/layers.h"

namespace caracal::planner {
namespace {

profile::Profile randomProfile(test::Random& random) {
  auto profile =
      test::makeProfile(test::randomLayer(random, static_cast<int>(test::pick(random, 1, 3))),
                        static_cast<int32_t>(test::pick(random, 4, 9)),
                        static_cast<int32_t>(test::pick(random, 1, 4)),
                        static_cast<int32_t>(test::pick(random, 1, 8)));
  profile.sendForwardNs = test::pick(random, 0, 40);
  profile.sendBackwardNs = test::pick(random, 0, 40);
  if (test::pick(random, 0, 3) == 0) profile.kappa = 1.2;
  return profile;
}

PlanOutcome planned(const profile::Profile& profile, const PlanRequest& request) {
  const auto outcome = makePlan(profile, request);
  EXPECT_TRUE(outcome.has_value()) << (outcome ? "" : outcome.error().text());
  return outcome.value_or(PlanOutcome{});
}

class OptInvariants : public testing::TestWithParam<uint64_t> {};

TEST_P(OptInvariants, hold) {
  test::Random random(GetParam());
  const auto profile = randomProfile(random);
  const PlanOutcome full = planned(profile, {"full", 1});
  const PlanOutcome none = planned(profile, {"none", 1});
  const int64_t least = planned(profile, {"opt", 1}).smallestBudgetBytes;
  const int64_t most = std::max(least, none.smallestBudgetBytes);
  for (int64_t i = 0; i <= 4; ++i) {
    const int64_t budget = least + (most - least) * i / 4;
    SCOPED_TRACE("budget " + std::to_string(budget));
    const PlanOutcome heu = planned(profile, {"heu", budget});
    const PlanOutcome plus = planned(profile, {"heu+", budget});
    const PlanOutcome opt = planned(profile, {"opt", budget});
    const auto simulated = sim::simulate(profile, opt.plan);
    ASSERT_TRUE(simulated.has_value());
    EXPECT_TRUE(simulated->fits);
    EXPECT_EQ(simulated->stepNs, opt.stepNs);
    EXPECT_LE(opt.stepNs, plus.stepNs);
    EXPECT_LE(plus.stepNs, heu.stepNs);
    EXPECT_LE(opt.boundNs, opt.stepNs);
    EXPECT_GT(opt.boundNs, 0);
    if (budget >= full.smallestBudgetBytes) {
      const int64_t fullStepNs = sim::simulate(profile, full.plan)->stepNs;
      EXPECT_LE(opt.stepNs, fullStepNs);
      EXPECT_LE(opt.boundNs, fullStepNs);
    }
    if (budget >= none.smallestBudgetBytes) {
      for (const sim::StageResult& stage : simulated->stages)
        EXPECT_EQ(stage.exposedRecomputeNs, 0);
    }
    EXPECT_EQ(planned(profile, {"opt", budget}).plan, opt.plan) << "the same input, another plan";
    const auto again = plan::planFromJson(plan::toJson(opt.plan, profile), profile);
    ASSERT_TRUE(again.has_value()) << again.error().text();
    EXPECT_EQ(*again, opt.plan);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, OptInvariants, testing::Range<uint64_t>(1, 16));

// One stage of two or three layers, and every chain of random legal policies for it.
TEST(StageMix, boundHoldsForEveryChainThatFits) {
  int proven = 0, tried = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    auto profile = test::makeProfile(test::randomLayer(random, 1),
                                     static_cast<int32_t>(test::pick(random, 2, 6)),
                                     static_cast<int32_t>(test::pick(random, 1, 2)),
                                     static_cast<int32_t>(test::pick(random, 1, 4)));
    if (seed % 4 == 0) profile.rho = 1.3;
    const plan::ProfileGraphs graphs(profile);
    const plan::Plan plan = test::makePlanOf(profile, {test::keepAll(profile.kinds[0])});
    const auto count = static_cast<int32_t>(plan.stages.size());
    const auto index = static_cast<int32_t>(test::pick(random, 0, count - 1));
    const StageModel model(
        {profile, graphs, plan.stages[static_cast<size_t>(index)], index, count});
    const auto draw = [&](int64_t gaps) {
      std::vector<int64_t> waits(static_cast<size_t>(gaps), 0);
      if (index + 1 < count) {
        for (int64_t& wait : waits) wait = test::pick(random, 0, 100);
      }
      return GradientGaps(waits);
    };
    const StageGaps gaps{draw(model.steadyCount()), draw(model.tailCount())};
    const KindPolicies all{test::keepAll(profile.kinds[0])};
    const KindPolicies none{test::recomputeAll(profile.kinds[0])};
    const int64_t most = model.peakBytes(all, model.resolve(all));
    const int64_t least = model.peakBytes(none, model.resolve(none));
    const int64_t budget = test::pick(random, std::min(least, most), most);
    StageMix mix(model, gaps, budget, kThoroughMix, {});
    VariantTable& table = mix.table();
    std::optional<StageChain> best;
    for (int chain = 0; chain < 400; ++chain) {
      Chain layers;
      for (int64_t l = 0; l < model.layersOfKind(0); ++l) {
        auto placements = test::randomPlacements(random, profile.kinds[0]);
        if (placements.back().kind == test::PlacementKind::kWindow)
          placements.back() = {test::PlacementKind::kOnDemand};
        for (auto& placement : placements) {
          const bool forward = placement.kind == test::PlacementKind::kWindow &&
                               placement.window <= test::WindowId::kFwdMlp;
          if (forward && model.inFlight() == 1) placement = {test::PlacementKind::kRetained};
        }
        layers.push_back(table.add(0, placements));
      }
      StageChain judged = mix.judge(std::move(layers));
      if (judged.peakBytes > budget || (best && judged.objectiveNs >= best->objectiveNs)) continue;
      best = std::move(judged);
    }
    if (!best) continue;
    ++tried;
    const StageChain found = mix.search(*best);
    EXPECT_LE(found.objectiveNs, best->objectiveNs);
    EXPECT_LE(found.peakBytes, budget);
    const int64_t bound = mix.boundNs(found.objectiveNs);
    EXPECT_LE(bound, found.objectiveNs);
    // Knowing less does not prove more.
    EXPECT_LE(mix.boundNs(2 * found.objectiveNs + 1), found.objectiveNs);
    proven += bound == found.objectiveNs;
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(tried, 80);
  EXPECT_GT(proven, 20);
}

TEST(Opt, aTimeLimitStillGivesAPlanAndABound) {
  test::Random random(3);
  const auto profile = randomProfile(random);
  const int64_t least = planned(profile, {"heu", 1}).smallestBudgetBytes;
  PlanRequest request{"opt", least};
  request.timeLimitSeconds = 1e-6;
  const PlanOutcome outcome = planned(profile, request);
  EXPECT_NE(outcome.status, PlanStatus::kInfeasible);
  EXPECT_GT(outcome.boundNs, 0);
  EXPECT_LE(outcome.boundNs, outcome.stepNs);
}

}  // namespace
}  // namespace caracal::planner
