// More memory never makes a plan slower.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/planner/policy.h"
#include "core/sim/simulator.h"
#include "tests/support/layers.h"
#include "tests/support/seeds.h"

namespace caracal::planner {
namespace {

struct Sizes {
  int64_t mostStages = 1, mostLayersOfStage = 4;
};

profile::Profile randomProfile(uint64_t seed, const Sizes& sizes) {
  test::Random random(seed);
  const int64_t stages = test::pick(random, 1, sizes.mostStages);
  auto profile = test::makeProfile(
      test::randomLayer(random, 2),
      static_cast<int32_t>(stages * test::pick(random, 1, sizes.mostLayersOfStage)),
      static_cast<int32_t>(stages), static_cast<int32_t>(test::pick(random, 1, 5)));
  if (seed % 3 == 0) test::addGathers(random, 1, profile.kinds[0]);
  return profile;
}

// Steps by rising budget, from the least that is feasible to what keeping everything takes.
std::vector<int64_t> simulatedSteps(const profile::Profile& profile, const char* policy,
                                    int budgets) {
  const auto least = makePlan(profile, {policy, 1});
  const auto most = makePlan(profile, {"none", 1});
  std::vector<int64_t> steps;
  for (int i = 0; i < budgets; ++i) {
    const int64_t from = least->smallestBudgetBytes;
    const int64_t range = std::max<int64_t>(0, most->smallestBudgetBytes - from);
    const auto outcome = makePlan(profile, {policy, from + range * i / (budgets - 1)});
    EXPECT_NE(outcome->status, PlanStatus::kInfeasible);
    steps.push_back(sim::simulate(profile, outcome->plan)->stepNs);
  }
  return steps;
}

bool neverRises(const std::vector<int64_t>& steps) {
  return std::is_sorted(steps.rbegin(), steps.rend());
}

// HEU+ is a heuristic: with more memory it starts elsewhere and may end a little worse.
TEST(Budget, moreOfItMakesHeuPlusHardlyEverSlower) {
  constexpr double kMostRise = 0.02;
  int falls = 0, rises = 0, steps = 0;
  double most = 0;
  for (uint64_t seed = 1; seed <= test::seedCount(60); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto stepsNs = simulatedSteps(randomProfile(seed, {4, 6}), "heu+", 9);
    for (size_t i = 1; i < stepsNs.size(); ++i) {
      const auto rise = static_cast<double>(stepsNs[i] - stepsNs[i - 1]);
      EXPECT_LE(rise, kMostRise * static_cast<double>(stepsNs[i - 1]));
      most = std::max(most, rise / static_cast<double>(stepsNs[i - 1]));
      rises += rise > 0;
      falls += rise < 0;
      ++steps;
    }
  }
  RecordProperty("rises", rises);
  RecordProperty("steps", steps);
  RecordProperty("mostRise", std::to_string(most));
  EXPECT_LE(rises * 50, steps);
  EXPECT_GT(falls, steps / 10) << "budgets must matter for the test to say anything";
}

TEST(Budget, moreOfItNeverMakesOptSlowerAtFourLayers) {
  int falls = 0;
  for (uint64_t seed = 1; seed <= test::seedCount(20); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto steps = simulatedSteps(randomProfile(seed, {1, 4}), "opt", 5);
    EXPECT_TRUE(neverRises(steps));
    falls += steps.back() < steps.front();
  }
  EXPECT_GT(falls, 5) << "budgets must matter for the test to say anything";
}

}  // namespace
}  // namespace caracal::planner
