// Partitions: the dynamic program against every partition, the searches against it, legality.
#include "core/planner/partition_search.h"

#include <gtest/gtest.h>

#include "core/planner/partition.h"
#include "core/planner/policy.h"
#include "core/sim/simulator.h"
#include "tests/support/layers.h"

namespace caracal::planner {
namespace {

using Partition = std::vector<int32_t>;

void everyPartition(int32_t layers, int32_t stages, Partition& begun, std::vector<Partition>& all) {
  if (stages == 1) {
    begun.push_back(layers);
    all.push_back(begun);
    begun.pop_back();
    return;
  }
  for (int32_t count = 1; count <= layers - stages + 1; ++count) {
    begun.push_back(count);
    everyPartition(layers - count, stages - 1, begun, all);
    begun.pop_back();
  }
}

profile::Profile randomProfile(uint64_t seed) {
  test::Random random(seed);
  auto profile =
      test::makeProfile(test::randomLayer(random, static_cast<int>(test::pick(random, 1, 2))),
                        static_cast<int32_t>(test::pick(random, 5, 9)),
                        static_cast<int32_t>(test::pick(random, 1, 4)),
                        static_cast<int32_t>(test::pick(random, 1, 6)));
  profile.kinds.push_back(test::randomLayer(random, 1));
  profile.kinds.back().id = "other";
  for (uint32_t& kind : profile.layers) kind = static_cast<uint32_t>(test::pick(random, 0, 1));
  profile.last.operators[0].forwardNs = test::pick(random, 0, 300);
  profile.last.operators[0].backwardNs = test::pick(random, 0, 600);
  profile.first.staticBytes = test::pick(random, 0, 400);
  return profile;
}

int64_t largestLoad(const PartitionValue& value) {
  return *std::max_element(value.loadNs.begin(), value.loadNs.end());
}

TEST(MinimaxPartition, equalsTheBestOfAllPartitions) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const auto profile = randomProfile(seed);
    const char* policy = seed % 3 == 0 ? "heu" : seed % 3 == 1 ? "checkmate" : "full";
    SCOPED_TRACE(fmt::format("seed {}, policy {}", seed, policy));
    std::vector<Partition> all;
    Partition begun;
    everyPartition(profile.model.layers, profile.parallel.pipeline, begun, all);
    StageSolver free(profile, policy, 0);
    int64_t peak = 0;
    for (const int64_t bytes : valueOf(free, all[all.size() / 2]).peakBytes)
      peak = std::max(peak, bytes);
    StageSolver solver(profile, policy, seed % 2 == 0 ? 0 : peak - 1);
    int64_t best = std::numeric_limits<int64_t>::max();
    for (const Partition& partition : all) {
      const PartitionValue value = valueOf(solver, partition);
      if (value.excessBytes == 0) best = std::min(best, largestLoad(value));
    }
    const PartitionValue found = valueOf(solver, minimaxPartition(solver));
    if (best == std::numeric_limits<int64_t>::max()) {
      EXPECT_GT(found.excessBytes, 0);
      continue;
    }
    EXPECT_EQ(found.excessBytes, 0);
    EXPECT_EQ(largestLoad(found), best);
  }
}

TEST(MinimaxPartition, givesEqualStagesEqualLayers) {
  auto profile = test::makeProfile(test::tinyLayer(), 12, 4, 8);
  profile.first.operators.clear();
  profile.last.operators.clear();
  StageSolver solver(profile, "none", 0);
  EXPECT_EQ(minimaxPartition(solver), (Partition{3, 3, 3, 3}));
}

TEST(SearchedPartition, isNoSlowerThanTheOnesItStartsFrom) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    const auto profile = randomProfile(seed);
    for (const char* policy :
         {"none", "full", "block:1", "uniform:1", "checkmate", "knapsack", "heu", "heu+"}) {
      SCOPED_TRACE(fmt::format("seed {}, policy {}", seed, policy));
      const auto found = makePlan(profile, {policy, 0, PartitionMode::kSearch});
      ASSERT_TRUE(found.has_value()) << found.error().text();
      for (const PartitionMode mode :
           {PartitionMode::kEven, PartitionMode::kGreedy, PartitionMode::kDp}) {
        EXPECT_LE(found->stepNs, makePlan(profile, {policy, 0, mode})->stepNs);
      }
      EXPECT_EQ(sim::simulate(profile, found->plan)->stepNs, found->stepNs);
    }
  }
}

// What the searches see of a stage is what the simulator finds, for baselines with unlike layers
// too.
TEST(StageSolver, agreesWithTheSimulation) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const auto profile = randomProfile(seed);
    for (const char* policy :
         {"none", "full", "selective", "block:1", "uniform:2", "checkmate", "knapsack"}) {
      SCOPED_TRACE(fmt::format("seed {}, policy {}", seed, policy));
      const auto outcome = makePlan(profile, {policy});
      if (!outcome) continue;  // uniform:2 on a stage of one layer
      const auto simulated = sim::simulate(profile, outcome->plan);
      ASSERT_TRUE(simulated.has_value());
      StageSolver solver(profile, policy, 0);
      const PartitionValue value = valueOf(solver, outcome->plan.partition());
      EXPECT_EQ(value.stepNs, simulated->stepNs);
      for (size_t s = 0; s < value.peakBytes.size(); ++s)
        EXPECT_EQ(value.peakBytes[s], simulated->stages[s].peakBytes) << "stage " << s;
    }
  }
}

TEST(MegatronPartitionRule, namesTheFlagsThatHoldThePartition) {
  EXPECT_NE(megatronPartitionRule({4, 4, 4}).find("equal stages"), std::string::npos);
  EXPECT_NE(megatronPartitionRule({3, 4, 4, 2}).find("--decoder-first-pipeline-num-layers 3"),
            std::string::npos);
  EXPECT_NE(megatronPartitionRule({4, 3, 4, 4}).find("--pipeline-model-parallel-layout"),
            std::string::npos);
}

}  // namespace
}  // namespace caracal::planner
