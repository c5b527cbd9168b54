// Planning for schedules other than 1F1B: what is planned is simulated, what is not is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/plan/schedule.h"
#include "core/planner/explain.h"
#include "core/planner/policy.h"
#include "core/planner/policy_comparison.h"
#include "core/sim/simulator.h"
#include "tests/support/layers.h"

namespace caracal::planner {
namespace {

using testing::HasSubstr;

constexpr const char* kSchedules[] = {"gpipe", "interleaved:2", "zb-h1", "zb-h2",
                                      "zb-v",  "v-half",        "v-min", "dualpipe"};

profile::Profile sixteenLayers() {
  return test::makeProfile(test::tinyLayer(), 16, 4, 8);
}

PlanRequest requestFor(const char* schedule, const std::string& policy, int64_t budget = 0) {
  PlanRequest request;
  request.policy = policy;
  request.schedule = schedule;
  request.budgetBytes = budget;
  return request;
}

TEST(OtherSchedules, takeEveryFixedPolicy) {
  const auto profile = sixteenLayers();
  for (const char* schedule : kSchedules) {
    int64_t fullNs = 0;
    for (const char* policy : {"full", "none", "selective", "uniform:2", "block:1", "knapsack"}) {
      SCOPED_TRACE(std::string(schedule) + ", " + policy);
      const auto outcome = makePlan(profile, requestFor(schedule, policy));
      ASSERT_TRUE(outcome.has_value()) << outcome.error().text();
      EXPECT_EQ(outcome->plan.schedule, schedule);
      const auto simulated = sim::simulate(profile, outcome->plan);
      ASSERT_TRUE(simulated.has_value()) << simulated.error().text();
      EXPECT_EQ(simulated->stepNs, outcome->stepNs);
      if (std::string(policy) == "full") fullNs = outcome->stepNs;
      EXPECT_LE(outcome->stepNs, fullNs);
      const PlanExplanation explanation = explain(profile, outcome->plan, *simulated);
      EXPECT_EQ(explanation.stages.size(), outcome->plan.stages.size());
    }
  }
}

TEST(OtherSchedules, keepTheBudgetOfThePerOperatorSelection) {
  const auto profile = sixteenLayers();
  for (const char* schedule : kSchedules) {
    SCOPED_TRACE(schedule);
    const auto least = makePlan(profile, requestFor(schedule, "knapsack", 1));
    ASSERT_TRUE(least.has_value()) << least.error().text();
    EXPECT_EQ(least->status, PlanStatus::kInfeasible);
    const auto most = makePlan(profile, requestFor(schedule, "none", 1));
    const int64_t budget = (least->smallestBudgetBytes + most->smallestBudgetBytes) / 2;
    const auto middle = makePlan(profile, requestFor(schedule, "knapsack", budget));
    ASSERT_TRUE(middle.has_value());
    EXPECT_EQ(middle->status, PlanStatus::kFeasible);
    EXPECT_TRUE(sim::simulate(profile, middle->plan)->fits);
    EXPECT_LE(middle->stepNs, least->stepNs);
  }
}

TEST(OtherSchedules, areRefusedInWordsByPoliciesThatCountOn1F1B) {
  const auto profile = sixteenLayers();
  for (const char* policy : {"heu", "heu+", "checkmate"}) {
    const auto outcome = makePlan(profile, requestFor("zb-h1", policy));
    ASSERT_FALSE(outcome.has_value()) << policy;
    EXPECT_EQ(outcome.error().code, ErrorCode::kUnsupported);
    EXPECT_THAT(outcome.error().message, HasSubstr("cannot plan zb-h1 yet"));
    EXPECT_THAT(outcome.error().message, HasSubstr("block:N"));
  }
}

TEST(OtherSchedules, searchPartitionsWhereADeviceHoldsOneChunk) {
  auto profile = sixteenLayers();
  profile.last.operators[0].forwardNs = 150;
  profile.last.operators[0].backwardNs = 300;
  PlanRequest request = requestFor("gpipe", "full");
  const auto even = makePlan(profile, request);
  request.partition = PartitionMode::kGreedy;
  const auto greedy = makePlan(profile, request);
  ASSERT_TRUE(greedy.has_value()) << greedy.error().text();
  EXPECT_LT(greedy->stepNs, even->stepNs);
  request.partition = PartitionMode::kDp;
  EXPECT_THAT(makePlan(profile, request).error().message, HasSubstr("use even, greedy"));
  request.schedule = "interleaved:2";
  request.partition = PartitionMode::kGreedy;
  EXPECT_THAT(makePlan(profile, request).error().message,
              HasSubstr("give the layers of its 8 stages"));
}

TEST(OtherSchedules, areComparedByThePoliciesThatCanPlanThem) {
  const auto profile = sixteenLayers();
  const auto rows = comparePolicies(profile, requestFor("zb-h1", ""));
  ASSERT_TRUE(rows.has_value()) << rows.error().text();
  EXPECT_EQ(rows->size(), 6U);
}

TEST(OtherSchedules, unknownNamesAndImpossibleSizesAreRefused) {
  const auto profile = sixteenLayers();
  EXPECT_THAT(makePlan(profile, requestFor("2F2B", "full")).error().message, HasSubstr("gpipe"));
  auto odd = profile;
  odd.parallel.microBatches = 7;
  EXPECT_FALSE(makePlan(odd, requestFor("interleaved:2", "full")).has_value());
}

}  // namespace
}  // namespace caracal::planner
