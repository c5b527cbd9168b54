// Checkmate's chains as published, and its per-layer policy against brute force.
#include "core/planner/checkmate.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/planner/checkmate_chain.h"
#include "core/planner/policy.h"
#include "core/sim/simulator.h"
#include "tests/support/csv.h"
#include "tests/support/layers.h"

namespace caracal::planner {
namespace {

TEST(CheckmateChains, reproduceThePublishedEvaluations) {
  const auto rows = test::csvNumbers("checkmate_chains.csv");
  ASSERT_EQ(rows.size(), 12U);
  for (const std::vector<double>& row : rows) {
    EXPECT_EQ(
        leastEvaluations(trainingChain(static_cast<int32_t>(row[0])), static_cast<int32_t>(row[1])),
        static_cast<int32_t>(row[2]))
        << "k " << row[0] << ", budget " << row[1];
  }
}

TEST(CheckmateChains, twoNodesOfMemoryAreTooFewAndManyComputeEachNodeOnce) {
  for (const int32_t k : {2, 4, 6}) {
    EXPECT_FALSE(leastEvaluations(trainingChain(k), 2).has_value());
    EXPECT_EQ(leastEvaluations(trainingChain(k), 20), 2 * k + 1);
  }
}

profile::Profile randomProfile(uint64_t seed) {
  test::Random random(seed);
  auto profile =
      test::makeProfile(test::randomLayer(random, static_cast<int>(test::pick(random, 1, 2))),
                        static_cast<int32_t>(test::pick(random, 2, 4)),
                        static_cast<int32_t>(test::pick(random, 1, 2)),
                        static_cast<int32_t>(test::pick(random, 1, 4)));
  profile.sendForwardNs = test::pick(random, 0, 40);
  profile.sendBackwardNs = test::pick(random, 0, 40);
  if (seed % 3 == 0) {
    profile.kinds.push_back(test::randomLayer(random, 1));
    profile.kinds.back().id = "other";
    for (uint32_t& kind : profile.layers) kind = static_cast<uint32_t>(test::pick(random, 0, 1));
  }
  return profile;
}

PlanOutcome planned(const profile::Profile& profile, const char* policy, int64_t budget) {
  const auto outcome = makePlan(profile, {policy, budget});
  EXPECT_TRUE(outcome.has_value()) << (outcome ? "" : outcome.error().text());
  return outcome.value_or(PlanOutcome{});
}

// All that keeping a set of tensors and computing the rest on demand can mean for one kind.
std::vector<std::vector<test::Placement>> everyPolicy(const profile::LayerKind& kind) {
  std::vector<std::vector<test::Placement>> all;
  for (uint64_t mask = 0; mask < (uint64_t{1} << kind.operators.size()); ++mask) {
    std::vector<test::Placement>& placements = all.emplace_back();
    for (size_t op = 0; op < kind.operators.size(); ++op) {
      placements.push_back({(mask >> op & 1) != 0 ? test::PlacementKind::kRetained
                                                  : test::PlacementKind::kOnDemand});
    }
  }
  return all;
}

TEST(Checkmate, noWayToKeepAndRecomputeOnDemandIsFaster) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    if (seed % 3 == 0) continue;  // one kind: brute force over two takes too long
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto profile = randomProfile(seed);
    const int64_t least = planned(profile, "checkmate", 1).smallestBudgetBytes;
    const int64_t most = planned(profile, "none", 1).smallestBudgetBytes;
    const int64_t budget = (least + most) / 2;
    int64_t bestNs = std::numeric_limits<int64_t>::max();
    int64_t leastBytes = std::numeric_limits<int64_t>::max();
    for (const auto& placements : everyPolicy(profile.kinds[0])) {
      // Stages choose alone; with one stage that is one policy for all layers.
      const auto result = sim::simulate(profile, test::makePlanOf(profile, {placements}));
      ASSERT_TRUE(result.has_value());
      int64_t peak = 0;
      for (const sim::StageResult& stage : result->stages) peak = std::max(peak, stage.peakBytes);
      leastBytes = std::min(leastBytes, peak);
      if (peak <= budget) bestNs = std::min(bestNs, result->stepNs);
    }
    const PlanOutcome checkmate = planned(profile, "checkmate", budget);
    EXPECT_EQ(checkmate.status, PlanStatus::kOptimal);
    if (profile.parallel.pipeline == 1) {
      EXPECT_EQ(checkmate.stepNs, bestNs);
      EXPECT_EQ(least, leastBytes);
    } else {
      EXPECT_LE(checkmate.stepNs, bestNs);
      EXPECT_LE(least, leastBytes);
    }
  }
}

// What planner.md calls the invariants, for the policies that recompute on demand alone.
TEST(Checkmate, isBoundedByTheOtherPoliciesOverRandomProfilesAndBudgets) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const auto profile = randomProfile(seed);
    const int64_t least = planned(profile, "checkmate", 1).smallestBudgetBytes;
    const int64_t most = planned(profile, "none", 1).smallestBudgetBytes;
    int64_t before = std::numeric_limits<int64_t>::max();
    for (int64_t i = 0; i <= 4; ++i) {
      const int64_t budget = least + (std::max(most, least) - least) * i / 4;
      SCOPED_TRACE("seed " + std::to_string(seed) + ", budget " + std::to_string(budget));
      const PlanOutcome checkmate = planned(profile, "checkmate", budget);
      ASSERT_EQ(checkmate.status, PlanStatus::kOptimal);
      const auto simulated = sim::simulate(profile, checkmate.plan);
      ASSERT_TRUE(simulated.has_value());
      EXPECT_TRUE(simulated->fits);
      EXPECT_EQ(simulated->stepNs, checkmate.stepNs);
      EXPECT_EQ(checkmate.boundNs, checkmate.stepNs);
      EXPECT_LE(checkmate.stepNs, before) << "more memory made the plan slower";
      before = checkmate.stepNs;
      EXPECT_GE(checkmate.stepNs, planned(profile, "heu", budget).stepNs);
      for (const char* policy : {"none", "full", "selective", "knapsack"}) {
        const PlanOutcome other = planned(profile, policy, budget);
        if (other.status == PlanStatus::kInfeasible) continue;
        EXPECT_LE(checkmate.stepNs, other.stepNs) << policy;
        EXPECT_TRUE(sim::simulate(profile, other.plan)->fits) << policy;
      }
      EXPECT_EQ(planned(profile, "checkmate", budget).plan, checkmate.plan);
    }
  }
}

}  // namespace
}  // namespace caracal::planner
