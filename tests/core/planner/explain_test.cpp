// Explanations, comparison, Pareto fronts and budgets as text, on layers small enough to check.
#include "core/planner/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/planner/budget_text.h"
#include "core/planner/pareto.h"
#include "core/planner/policy.h"
#include "core/planner/policy_comparison.h"
#include "core/planner/window_use.h"
#include "core/sim/simulator.h"
#include "tests/support/layers.h"

namespace caracal::planner {
namespace {

using testing::HasSubstr;

profile::Profile tinyProfile(int32_t layers, int32_t stages, int32_t microBatches) {
  return test::makeProfile(test::tinyLayer(), layers, stages, microBatches);
}

PlanExplanation explained(const profile::Profile& profile, const plan::Plan& plan) {
  const auto simulated = sim::simulate(profile, plan);
  EXPECT_TRUE(simulated.has_value());
  return explain(profile, plan, *simulated);
}

std::string wordsOf(const LayerExplanation& layers, const std::string& tensor) {
  for (const TensorExplanation& explanation : layers.tensors) {
    if (explanation.tensor == tensor) return explanation.words;
  }
  return {};
}

TEST(Explain, saysWhereARecomputationHidesAndWhatOverflows) {
  const auto profile = tinyProfile(4, 2, 4);
  // 2 + 6 ns in a window of 10, and 5 + 4 on demand.
  const auto plan = test::makePlanOf(
      profile, {test::placements(profile.kinds[0],
                                 "ln1=fwd.attn attn=fwd.attn residual1=retained fc1=onDemand "
                                 "act=onDemand")});
  auto first = plan;
  first.stages[1].layers.assign(2, {test::keepAll(profile.kinds[0]), true});
  const PlanExplanation explanation = explained(profile, first);
  ASSERT_EQ(explanation.stages.size(), 2U);
  const LayerExplanation& layers = explanation.stages[0].layers[0];
  EXPECT_EQ(layers.firstLayer, 0);
  EXPECT_EQ(layers.lastLayer, 1);
  EXPECT_THAT(wordsOf(layers, "attn"), HasSubstr("6 ns beside fwd.attn, which leaves 10 ns free; "
                                                 "8 ns of it used"));
  EXPECT_THAT(wordsOf(layers, "fc1"), HasSubstr("on the critical path before the MLP segment"));
  EXPECT_THAT(wordsOf(layers, "residual1"), HasSubstr("kept, 8 B in each of 2 micro-batches"));
  EXPECT_THAT(wordsOf(layers, "tp_mlp"), HasSubstr("dropped"));
  EXPECT_THAT(explanation.stages[1].limits[0], HasSubstr("keeps all that backward reads"));
}

TEST(Explain, namesTheMemoryOfTheStageThatHasNoneLeft) {
  const auto profile = tinyProfile(6, 3, 6);
  const int64_t least = makePlan(profile, {"heu", 1})->smallestBudgetBytes;
  const auto heu = makePlan(profile, {"heu", least});
  ASSERT_TRUE(heu.has_value());
  const PlanExplanation explanation = explained(profile, heu->plan);
  const auto tightest = static_cast<size_t>(heu->tightestStage);
  bool named = false;
  for (const std::string& limit : explanation.stages[tightest].limits)
    named |= limit.find("memory of stage") != std::string::npos ||
             limit.find("hides all of its recomputation") != std::string::npos;
  EXPECT_TRUE(named);
}

TEST(WindowUse, countsWhatBothLayersPutIntoOneBackwardCollective) {
  const auto profile = tinyProfile(3, 1, 2);
  const auto plan = test::makePlanOf(
      profile, {test::placements(profile.kinds[0],
                                 "ln1=own.bwd.mlp attn=retained residual1=retained "
                                 "fc1=prev.bwd.mlp act=retained")});
  const plan::ProfileGraphs graphs(profile);
  const plan::StageShape shape{profile, graphs, plan.stages[0], 0, 1};
  // ln1 of the layer above takes 2 ns, fc1 of this one 5.
  EXPECT_EQ(WindowUse(shape, 1)[plan::WindowId::kPrevBwdMlp].usedNs, 7);
  EXPECT_EQ(WindowUse(shape, 1)[plan::WindowId::kOwnBwdMlp].usedNs, 7);
  EXPECT_EQ(WindowUse(shape, 0)[plan::WindowId::kOwnBwdMlp].usedNs, 2);
  EXPECT_FALSE(WindowUse(shape, 2)[plan::WindowId::kPrevBwdMlp].exists);
  EXPECT_FALSE(WindowUse(shape, 1)[plan::WindowId::kFwdAttn].exists) << "one in flight";
}

TEST(Pareto, everyPointIsAPlanThatFitsAndNoneBeatsAnother) {
  const auto profile = tinyProfile(6, 3, 6);
  for (const char* policy : {"checkmate", "heu", "heu+", "knapsack", "full"}) {
    SCOPED_TRACE(policy);
    const auto front = paretoFront(profile, {policy});
    ASSERT_TRUE(front.has_value()) << front.error().text();
    ASSERT_FALSE(front->points.empty());
    EXPECT_EQ(front->points.front().peakBytes <= front->largestPeakBytes, true);
    for (size_t i = 0; i < front->points.size(); ++i) {
      const ParetoPoint& point = front->points[i];
      EXPECT_LE(point.peakBytes, point.budgetBytes);
      EXPECT_GE(point.peakBytes, front->smallestBudgetBytes);
      EXPECT_EQ(sim::simulate(profile, point.plan)->stepNs, point.stepNs);
      if (i == 0) continue;
      EXPECT_GT(point.peakBytes, front->points[i - 1].peakBytes);
      EXPECT_LT(point.stepNs, front->points[i - 1].stepNs);
    }
    EXPECT_EQ(front->points.size() == 1, std::string(policy) == "full");
  }
}

TEST(PolicyComparison, findsTheBestNumberOfEachFamily) {
  const auto profile = tinyProfile(8, 2, 4);
  const auto plans = [&](const char* policy) { return makePlan(profile, {policy, 1}); };
  const int64_t budget = plans("block:2")->smallestBudgetBytes;
  const auto comparison = comparePolicies(profile, {"", budget});
  ASSERT_TRUE(comparison.has_value()) << comparison.error().text();
  EXPECT_TRUE(comparison->complete);
  ASSERT_EQ(comparison->rows.size(), policies().size());
  for (const PolicyRow& row : comparison->rows) {
    if (row.policy.starts_with("block")) {
      EXPECT_EQ(row.policy, "block:2") << "fewer do not fit, more are slower";
    }
    if (row.policy == "none") {
      EXPECT_EQ(row.outcome.status, PlanStatus::kInfeasible);
    }
    EXPECT_EQ(row.speedUp.has_value(), row.outcome.status != PlanStatus::kInfeasible);
    // (2F + B) / (F + B) of a stage is the most that not recomputing can gain.
    if (row.speedUp) {
      EXPECT_LE(*row.speedUp, 1.5) << row.policy;
    }
  }
}

TEST(BudgetText, smallNumbersNeedAUnit) {
  EXPECT_EQ(parseBudget("40GiB").value(), int64_t{40} << 30);
  EXPECT_EQ(parseBudget("40 B").value(), 40);
  EXPECT_EQ(parseBudget("2097152").value(), 2097152);
  EXPECT_EQ(parseBudget("1.5 KB").value(), 1500);
  for (const char* text : {"40", "1e3", "0", "-3GiB", "much", "4 parsecs", ""})
    EXPECT_FALSE(parseBudget(text).has_value()) << text;
}

// Stops a job as soon as it reports so much progress.
struct StopAt {
  explicit StopAt(double fraction)
      : progress([this, fraction](double now, std::string_view) {
          if (now >= fraction) source.request_stop();
        }) {}
  std::stop_source source;
  Progress progress;
};

TEST(PolicyComparison, saysWhatItHasOnceStopped) {
  const auto profile = tinyProfile(8, 2, 4);
  StopAt half(0.5);
  const auto part = comparePolicies(profile, {""}, half.source.get_token(), half.progress);
  ASSERT_TRUE(part.has_value()) << part.error().text();
  EXPECT_FALSE(part->complete);
  EXPECT_GE(part->rows.size(), policies().size() / 2);
  EXPECT_LT(part->rows.size(), policies().size());
  for (const PolicyRow& row : part->rows) EXPECT_GT(row.prediction.stepNs, 0) << row.policy;
}

TEST(Pareto, saysWhatItHasOnceStopped) {
  const auto profile = tinyProfile(6, 3, 6);
  const auto whole = paretoFront(profile, {"heu"});
  StopAt half(0.5);
  const auto part = paretoFront(profile, {"heu"}, {}, half.source.get_token(), half.progress);
  ASSERT_TRUE(whole.has_value() && part.has_value());
  EXPECT_TRUE(whole->complete);
  EXPECT_FALSE(part->complete);
  EXPECT_LT(part->plans, whole->plans);
  EXPECT_FALSE(part->points.empty());
}

}  // namespace
}  // namespace caracal::planner
