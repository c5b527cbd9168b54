// planner.md section 8: at equal partition and batch no policy is faster than full recomputation by
// more than the largest (2F + B) / (F + B) of any stage, with F and B a micro-batch's passes there
// without recomputation.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/planner/policy.h"
#include "core/sim/simulator.h"
#include "tests/support/layers.h"
#include "tests/support/seeds.h"

namespace caracal::planner {
namespace {

// Stages of equally many layers; a collective that is repeated takes as long as its window.
profile::Profile equalStages(test::Random& random) {
  profile::LayerKind kind = test::randomLayer(random, static_cast<int>(test::pick(random, 1, 3)));
  for (profile::Window& window : kind.windows) {
    if (window.ofBackward()) continue;
    window.transferNs = kind.operators[static_cast<size_t>(kind.indexOf(window.after))].forwardNs;
  }
  const auto stages = static_cast<int32_t>(test::pick(random, 1, 4));
  auto profile =
      test::makeProfile(std::move(kind), stages * static_cast<int32_t>(test::pick(random, 1, 3)),
                        stages, static_cast<int32_t>(test::pick(random, 1, 8)));
  profile.sendForwardNs = test::pick(random, 0, 40);
  profile.sendBackwardNs = test::pick(random, 0, 40);
  return profile;
}

PlanOutcome planned(const profile::Profile& profile, const std::string& policy, int64_t budget) {
  const auto outcome = makePlan(profile, {policy, budget});
  EXPECT_TRUE(outcome.has_value()) << (outcome ? "" : outcome.error().text());
  return outcome.value_or(PlanOutcome{});
}

TEST(SpeedUp, overFullRecomputationIsAtMostThatOfTheStageWithMostForward) {
  double largest = 0;
  for (uint64_t seed = 1; seed <= test::seedCount(15); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const profile::Profile profile = equalStages(random);
    const PlanOutcome none = planned(profile, "none", 1), full = planned(profile, "full", 1);
    const auto plain = sim::simulate(profile, none.plan);
    const auto slow = sim::simulate(profile, full.plan);
    ASSERT_TRUE(plain.has_value() && slow.has_value());
    double bound = 1;
    for (const sim::StageResult& stage : plain->stages) {
      const auto f = static_cast<double>(stage.forwardNs),
                 b = static_cast<double>(stage.backwardNs);
      bound = std::max(bound, (2 * f + b) / (f + b));
    }
    const int64_t budget = std::max(full.smallestBudgetBytes,
                                    none.smallestBudgetBytes * test::pick(random, 5, 10) / 10);
    for (const char* policy : {"none", "heu", "heu+", "opt"}) {
      const PlanOutcome outcome = planned(profile, policy, budget);
      const double speedUp =
          static_cast<double>(slow->stepNs) / static_cast<double>(outcome.stepNs);
      EXPECT_LE(speedUp, bound + 1e-9) << policy;
      largest = std::max(largest, speedUp);
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(largest, 1.2) << "recomputation must cost something for the test to say anything";
}

}  // namespace
}  // namespace caracal::planner
