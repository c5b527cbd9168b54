// Planning for schedules other than 1F1B: what is planned is simulated, what is not is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stop_token>
#include <string>
#include <vector>

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

// Budgets from just enough to half of the way to plenty.
std::vector<int64_t> budgetsOf(const profile::Profile& profile, const char* schedule) {
  const auto least = makePlan(profile, requestFor(schedule, "heu", 1));
  const auto most = makePlan(profile, requestFor(schedule, "none", 1));
  if (!least || !most) return {};
  const int64_t range = most->smallestBudgetBytes - least->smallestBudgetBytes;
  return {least->smallestBudgetBytes, least->smallestBudgetBytes + range / 4,
          least->smallestBudgetBytes + range / 2};
}

TEST(OtherSchedules, arePlannedWithWindowsUnderABudget) {
  const auto profile = sixteenLayers();
  for (const char* schedule : kSchedules) {
    const std::vector<int64_t> budgets = budgetsOf(profile, schedule);
    ASSERT_EQ(budgets.size(), 3U);
    for (const int64_t budget : budgets) {
      int64_t slowerNs = makePlan(profile, requestFor(schedule, "full", 0))->stepNs;
      for (const char* policy : {"checkmate", "heu", "heu+"}) {
        SCOPED_TRACE(fmt::format("{}, {}, {} bytes", schedule, policy, budget));
        const auto outcome = makePlan(profile, requestFor(schedule, policy, budget));
        ASSERT_TRUE(outcome.has_value()) << outcome.error().text();
        ASSERT_NE(outcome->status, PlanStatus::kInfeasible);
        const auto simulated = sim::simulate(profile, outcome->plan);
        ASSERT_TRUE(simulated.has_value()) << simulated.error().text();
        EXPECT_TRUE(simulated->fits);
        EXPECT_EQ(simulated->stepNs, outcome->stepNs);
        EXPECT_LE(outcome->boundNs, outcome->stepNs);
        EXPECT_LE(outcome->stepNs, slowerNs);
        slowerNs = outcome->stepNs;
      }
    }
  }
}

// Layers in which recomputation fits into windows: what hides costs nothing.
TEST(OtherSchedules, hideRecomputationInWindows) {
  auto profile = sixteenLayers();
  for (profile::Window& window : profile.kinds[0].windows) window.transferNs = 40;
  for (const char* schedule : kSchedules) {
    SCOPED_TRACE(schedule);
    const std::vector<int64_t> budgets = budgetsOf(profile, schedule);
    const auto outcome = makePlan(profile, requestFor(schedule, "heu", budgets.back()));
    ASSERT_TRUE(outcome.has_value()) << outcome.error().text();
    const auto simulated = sim::simulate(profile, outcome->plan);
    int64_t hiddenNs = 0;
    for (const sim::StageResult& stage : simulated->stages) hiddenNs += stage.hiddenRecomputeNs;
    EXPECT_GT(hiddenNs, 0);
  }
}

TEST(OtherSchedules, recomputeNothingWithoutABudgetAndProveIt) {
  const auto profile = sixteenLayers();
  for (const char* schedule : kSchedules) {
    SCOPED_TRACE(schedule);
    const auto none = makePlan(profile, requestFor(schedule, "none"));
    for (const char* policy : {"checkmate", "heu", "heu+"}) {
      const auto outcome = makePlan(profile, requestFor(schedule, policy));
      ASSERT_TRUE(outcome.has_value()) << outcome.error().text();
      EXPECT_EQ(outcome->status, PlanStatus::kOptimal) << policy;
      EXPECT_EQ(outcome->stepNs, none->stepNs);
      EXPECT_EQ(outcome->boundNs, none->stepNs);
    }
  }
}

TEST(OtherSchedules, sayWhatBudgetWouldDo) {
  const auto profile = sixteenLayers();
  for (const char* schedule : kSchedules) {
    SCOPED_TRACE(schedule);
    const auto outcome = makePlan(profile, requestFor(schedule, "heu+", 1));
    ASSERT_TRUE(outcome.has_value()) << outcome.error().text();
    EXPECT_EQ(outcome->status, PlanStatus::kInfeasible);
    EXPECT_THAT(outcome->notes, testing::Contains(HasSubstr("less may do")));
    const auto again =
        makePlan(profile, requestFor(schedule, "heu+", outcome->smallestBudgetBytes));
    EXPECT_NE(again->status, PlanStatus::kInfeasible);
  }
}

TEST(OtherSchedules, areRefusedInWordsByThePolicyThatCountsOn1F1B) {
  const auto outcome = makePlan(sixteenLayers(), requestFor("zb-h1", "opt"));
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(outcome.error().message, HasSubstr("cannot plan zb-h1"));
  EXPECT_THAT(outcome.error().message, HasSubstr("heu+"));
}

TEST(OtherSchedules, stopWhenAsked) {
  std::stop_source source;
  source.request_stop();
  const auto outcome = makePlan(sixteenLayers(), requestFor("zb-v", "heu+", 1), source.get_token());
  ASSERT_FALSE(outcome.has_value()) << "nothing fits into so little";
  EXPECT_EQ(outcome.error().code, ErrorCode::kCancelled);
  const auto some = makePlan(sixteenLayers(), requestFor("zb-v", "heu+"), source.get_token());
  ASSERT_TRUE(some.has_value()) << some.error().text();
  EXPECT_EQ(some->status, PlanStatus::kTimeLimit);
  EXPECT_TRUE(sim::simulate(sixteenLayers(), some->plan)->fits);
}

TEST(OtherSchedules, searchPartitions) {
  auto profile = sixteenLayers();
  profile.last.operators[0].forwardNs = 150;
  profile.last.operators[0].backwardNs = 300;
  for (const char* schedule : kSchedules) {
    SCOPED_TRACE(schedule);
    PlanRequest request = requestFor(schedule, "full");
    const auto even = makePlan(profile, request);
    request.partition = PartitionMode::kGreedy;
    const auto greedy = makePlan(profile, request);
    ASSERT_TRUE(greedy.has_value()) << greedy.error().text();
    EXPECT_LT(greedy->stepNs, even->stepNs);
    request.partition = PartitionMode::kSearch;
    EXPECT_LE(makePlan(profile, request)->stepNs, greedy->stepNs);
    request.partition = PartitionMode::kDp;
    EXPECT_THAT(makePlan(profile, request).error().message, HasSubstr("use search, greedy"));
  }
}

TEST(OtherSchedules, areComparedByThePoliciesThatCanPlanThem) {
  const auto profile = sixteenLayers();
  const auto comparison = comparePolicies(profile, requestFor("zb-h1", ""));
  ASSERT_TRUE(comparison.has_value()) << comparison.error().text();
  EXPECT_EQ(comparison->rows.size(), policies().size() - 1);  // all but opt
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
