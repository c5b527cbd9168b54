#include "app/ui/plan/plan_edits.h"

#include <gtest/gtest.h>

#include "app/ui/plan/plan_session.h"
#include "tests/app/ui/demo_profile.h"

namespace caracal::ui {
namespace {

using plan::Placement;
using plan::PlacementKind;

class PlanEdits : public testing::Test {
 protected:
  ProfilePtr m_profile = test::demoProfile();
  plan::Plan m_plan = *startingPlan(*m_profile);
  size_t op(const char* id) const { return static_cast<size_t>(m_profile->kinds[0].indexOf(id)); }
};

TEST_F(PlanEdits, theStartingPlanIsLegalAndEven) {
  EXPECT_TRUE(plan::validate(*m_profile, m_plan));
  EXPECT_EQ(m_plan.partition(), (std::vector<int32_t>{4, 4}));
}

TEST_F(PlanEdits, aPlacementOfAStageLeavesOtherStagesAlone) {
  const plan::Plan edited =
      withPlacement(*m_profile, m_plan, 1, kEveryLayer, 0, op("fc1"), {PlacementKind::kOnDemand});
  EXPECT_EQ(edited.stages[0], m_plan.stages[0]);
  for (const plan::LayerPolicy& layer : edited.stages[1].layers) {
    EXPECT_EQ(layer.placements[op("fc1")], (Placement{PlacementKind::kOnDemand}));
  }
  EXPECT_EQ(edited.policy, "edited");
  EXPECT_TRUE(plan::validate(*m_profile, edited));
}

TEST_F(PlanEdits, oneLayerCanDiffer) {
  const plan::Plan edited =
      withPlacement(*m_profile, m_plan, 0, 2, 0, op("fc1"), {PlacementKind::kOnDemand});
  EXPECT_EQ(edited.stages[0].layers[1], m_plan.stages[0].layers[1]);
  EXPECT_NE(edited.stages[0].layers[2], m_plan.stages[0].layers[2]);
}

TEST_F(PlanEdits, anotherPartitionKeepsEveryLayerOnceAndTakesItsNewStagesPolicy) {
  const plan::Plan edited =
      withPlacement(*m_profile, m_plan, 1, kEveryLayer, 0, op("fc1"), {PlacementKind::kOnDemand});
  const plan::Plan moved = withPartition(*m_profile, edited, {2, 6});
  EXPECT_EQ(moved.partition(), (std::vector<int32_t>{2, 6}));
  EXPECT_EQ(moved.stages[1].firstLayer, 2);
  for (const plan::LayerPolicy& layer : moved.stages[1].layers) {
    EXPECT_EQ(layer.placements[op("fc1")], (Placement{PlacementKind::kOnDemand}));
  }
  EXPECT_TRUE(plan::validate(*m_profile, moved));
}

TEST_F(PlanEdits, anotherScheduleKeepsEveryLayersPolicy) {
  const plan::Plan edited =
      withPlacement(*m_profile, m_plan, 1, kEveryLayer, 0, op("fc1"), {PlacementKind::kOnDemand});
  const auto split = withSchedule(edited, "ZB-H1");
  ASSERT_TRUE(split.has_value()) << split.error().text();
  EXPECT_EQ(split->schedule, "zb-h1");
  EXPECT_EQ(split->stages, edited.stages);
  const auto finer = withSchedule(edited, "interleaved:2");
  ASSERT_TRUE(finer.has_value()) << finer.error().text();
  EXPECT_EQ(finer->partition(), (std::vector<int32_t>{2, 2, 2, 2}));
  EXPECT_EQ(finer->stages[1].layers[0], edited.stages[0].layers[2]);
  EXPECT_EQ(finer->stages[2].layers[0], edited.stages[1].layers[0]);
  EXPECT_TRUE(plan::validate(*m_profile, *finer));
  EXPECT_FALSE(withSchedule(edited, "2F2B").has_value());
  EXPECT_FALSE(withSchedule(edited, "interleaved:8").has_value());  // 16 stages of 8 layers
}

TEST_F(PlanEdits, microBatchesInFlightFollowTheSchedule) {
  const int32_t microBatches = m_plan.parallel.microBatches;
  EXPECT_EQ(inFlight(m_plan, 0), 2);
  EXPECT_EQ(inFlight(m_plan, 1), 1);
  EXPECT_EQ(inFlight(*withSchedule(m_plan, "gpipe"), 1), microBatches);
  EXPECT_EQ(inFlight(*withSchedule(m_plan, "interleaved:2"), 0), 4);  // chunk 1 runs in between
}

TEST_F(PlanEdits, boundariesLeaveEveryStageALayer) {
  EXPECT_EQ(movedBoundary({4, 4}, 0, 2), (std::vector<int32_t>{6, 2}));
  EXPECT_EQ(movedBoundary({4, 4}, 0, 100), (std::vector<int32_t>{7, 1}));
  EXPECT_EQ(movedBoundary({4, 4}, 0, -100), (std::vector<int32_t>{1, 7}));
  EXPECT_EQ(movedBoundary({2, 3, 4}, 1, -1), (std::vector<int32_t>{2, 2, 5}));
}

TEST_F(PlanEdits, choicesSayWhatIsIllegalInWords) {
  const auto choices = placementChoices(*m_profile, m_plan, 0, kEveryLayer, 0, op("ln1"));
  size_t legal = 0;
  bool retained = false;
  for (const PlacementChoice& choice : choices) {
    if (choice.problem.empty()) ++legal;
    if (choice.placement == Placement{PlacementKind::kRetained}) retained = choice.problem.empty();
  }
  EXPECT_TRUE(retained);
  EXPECT_GE(legal, 2U) << "retained and on demand at least";
  for (const PlacementChoice& choice : choices) {
    const auto valid = plan::validate(*m_profile, withPlacement(*m_profile, m_plan, 0, kEveryLayer,
                                                                0, op("ln1"), choice.placement));
    EXPECT_EQ(choice.problem.empty(), valid.has_value());
  }
}

TEST_F(PlanEdits, theBudgetGoesToEveryStage) {
  const plan::Plan edited = withBudget(m_plan, 123456);
  for (const plan::StagePlan& stage : edited.stages) EXPECT_EQ(stage.budgetBytes, 123456);
}

}  // namespace
}  // namespace caracal::ui
