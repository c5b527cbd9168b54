// The per-operator budget selection against PyTorch's published case, and as a policy.
#include "core/planner/operator_budget.h"

#include <gtest/gtest.h>

#include "core/planner/policy.h"
#include "core/sim/simulator.h"
#include "tests/support/csv.h"
#include "tests/support/layers.h"

namespace caracal::planner {
namespace {

std::vector<BudgetOperator> publishedOperators() {
  const std::vector<int64_t> runtimes{5, 5, 8, 15, 15, 9, 1, 5};
  const std::vector<int64_t> bytes{0, 100, 100, 120, 0, 100, 0, 0};
  std::vector<BudgetOperator> operators(runtimes.size());
  for (size_t i = 0; i < operators.size(); ++i) {
    operators[i].runtimeNs = runtimes[i];
    operators[i].bytes = bytes[i];
  }
  operators[0].inPlaceOf = 0;
  operators[4].random = true;
  operators[6].view = true;
  operators[7].inPlaceOf = 5;
  return operators;
}

TEST(OperatorBudget, reproducesThePublishedSelections) {
  const auto rows = test::csvNumbers("operator_selection.csv");
  ASSERT_EQ(rows.size(), 4U);
  for (const std::vector<double>& row : rows) {
    const auto selection =
        selectOperators(publishedOperators(), static_cast<int64_t>(row[0]), RandomRule::kSaved);
    ASSERT_TRUE(selection.has_value());
    for (size_t op = 0; op < 8; ++op)
      EXPECT_EQ(selection->saved[op], row[op + 1] != 0) << "budget " << row[0] << " op " << op;
  }
}

TEST(OperatorBudget, randomOperatorsAreSavedTogetherOrNotAtAll) {
  std::vector<BudgetOperator> operators(2);
  operators[0] = {.runtimeNs = 10, .bytes = 5, .random = true};
  operators[1] = {.runtimeNs = 10, .bytes = 5, .random = true};
  EXPECT_EQ(selectOperators(operators, 9, RandomRule::kAllOrNone)->bytes, 0);
  EXPECT_EQ(selectOperators(operators, 10, RandomRule::kAllOrNone)->bytes, 10);
  EXPECT_FALSE(selectOperators(operators, 9, RandomRule::kSaved).has_value());
}

TEST(OperatorBudget, anInPlaceChainThatStartsWithAViewContradictsItself) {
  std::vector<BudgetOperator> operators(1);
  operators[0] = {.runtimeNs = 1, .view = true, .inPlaceOf = 0};
  EXPECT_TRUE(operatorSelections(operators, RandomRule::kSaved).empty());
}

TEST(OperatorBudget, equalsBruteForceOverRandomOperators) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    std::vector<BudgetOperator> operators(static_cast<size_t>(test::pick(random, 1, 9)));
    for (BudgetOperator& op : operators) {
      op.runtimeNs = test::pick(random, 0, 20);
      op.bytes = test::pick(random, 0, 20);
      op.view = test::pick(random, 0, 5) == 0;
    }
    const int64_t budget = test::pick(random, 0, 60);
    int64_t best = 0;
    for (uint64_t mask = 0; mask < (uint64_t{1} << operators.size()); ++mask) {
      int64_t bytes = 0;
      int64_t runtime = 0;
      bool legal = true;
      for (size_t i = 0; i < operators.size(); ++i) {
        if ((mask >> i & 1) == 0) continue;
        legal &= !operators[i].view;
        bytes += operators[i].bytes;
        runtime += operators[i].runtimeNs;
      }
      if (legal && bytes <= budget) best = std::max(best, runtime);
    }
    const auto selection = selectOperators(operators, budget, RandomRule::kSaved);
    ASSERT_TRUE(selection.has_value());
    EXPECT_EQ(selection->runtimeNs, best);
    EXPECT_LE(selection->bytes, budget);
  }
}

TEST(OperatorBudget, thePolicyKeepsEverythingWhenMemorySufficesAndNothingWhenItMust) {
  const auto profile = test::makeProfile(test::tinyLayer(), 4, 2, 3);
  const auto free = makePlan(profile, {"knapsack"});
  ASSERT_TRUE(free.has_value());
  EXPECT_EQ(free->stepNs, makePlan(profile, {"none"})->stepNs);
  const auto tight = makePlan(profile, {"knapsack", 1});
  ASSERT_TRUE(tight.has_value());
  EXPECT_EQ(tight->status, PlanStatus::kInfeasible);
  const auto least = makePlan(profile, {"knapsack", tight->smallestBudgetBytes});
  ASSERT_TRUE(least.has_value());
  EXPECT_EQ(least->status, PlanStatus::kFeasible);
  EXPECT_GT(least->stepNs, free->stepNs);
}

}  // namespace
}  // namespace caracal::planner
