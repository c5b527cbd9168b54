// Layers that differ: heu+ and opt against every chain of small stages, and against each other.
#include "core/planner/opt.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/plan/plan_json.h"
#include "core/planner/baselines.h"
#include "core/planner/policy.h"
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
  if (test::pick(random, 0, 2) == 0) test::addGathers(random, 2, profile.kinds[0]);
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
  int64_t stepBefore = std::numeric_limits<int64_t>::max();
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
    // What is proven for one budget holds for smaller ones.
    EXPECT_LE(opt.boundNs, stepBefore);
    stepBefore = opt.stepNs;
    if (budget >= full.smallestBudgetBytes) {
      const int64_t fullStepNs = sim::simulate(profile, full.plan)->stepNs;
      EXPECT_LE(opt.stepNs, fullStepNs);
      EXPECT_LE(opt.boundNs, fullStepNs);
    }
    if (budget >= none.smallestBudgetBytes) {
      for (const sim::StageResult& stage : simulated->stages)
        EXPECT_EQ(stage.exposedRecomputeNs, 0);
    }
    if (i == 1) {
      EXPECT_EQ(planned(profile, {"opt", budget}).plan, opt.plan) << "the same input, another plan";
    }
    const auto again = plan::planFromJson(plan::toJson(opt.plan, profile), profile);
    ASSERT_TRUE(again.has_value()) << again.error().text();
    EXPECT_EQ(*again, opt.plan);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, OptInvariants, testing::Range<uint64_t>(1, 16));

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
