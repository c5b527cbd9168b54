#include "app/ui/plan/plan_session.h"

#include <gtest/gtest.h>

#include <QSignalSpy>

#include "app/ui/plan/plan_edits.h"
#include "app/ui/plan/plan_tables.h"
#include "tests/app/ui/demo_profile.h"

namespace caracal::ui {
namespace {

using plan::PlacementKind;

class Session : public testing::Test {
 protected:
  void SetUp() override {
    QSignalSpy spy(&m_session, &PlanSession::evaluated);
    m_session.setProfile(test::demoProfile());
    ASSERT_TRUE(spy.wait(10000));
  }
  size_t op(const char* id) const {
    return static_cast<size_t>(m_session.profile()->kinds[0].indexOf(id));
  }
  void editAndWait(const plan::Plan& plan) {
    QSignalSpy spy(&m_session, &PlanSession::evaluated);
    m_session.edit(plan, QStringLiteral("test"));
    ASSERT_TRUE(spy.wait(10000));
  }
  JobBoard m_jobs;
  PlanSession m_session{m_jobs};
};

TEST_F(Session, everyEditIsSimulatedAndCanBeTakenBack) {
  const plan::Plan before = m_session.plan();
  const int64_t keepAll = m_session.evaluation()->result->stepNs;
  editAndWait(withPlacement(*m_session.profile(), before, 0, kEveryLayer, 0, op("fc1"),
                            {PlacementKind::kOnDemand}));
  EXPECT_GT(m_session.evaluation()->result->stepNs, keepAll) << "recomputing on demand costs time";
  QSignalSpy spy(&m_session, &PlanSession::evaluated);
  m_session.undoStack().undo();
  ASSERT_TRUE(spy.wait(10000));
  EXPECT_EQ(m_session.plan(), before);
  EXPECT_EQ(m_session.evaluation()->result->stepNs, keepAll);
  m_session.undoStack().redo();
  EXPECT_NE(m_session.plan(), before);
}

TEST_F(Session, everyPredictionCarriesTheReplayErrorOfItsProfilesRun) {
  EXPECT_FALSE(m_session.evaluation()->replay.has_value()) << "of no run";
  profile::Profile observed = *m_session.profile();
  observed.observedPlan = "none";
  observed.observedStepNs = 2 * m_session.evaluation()->result->stepNs;
  observed.observed.clear();
  QSignalSpy spy(&m_session, &PlanSession::evaluated);
  m_session.setProfile(std::make_shared<const profile::Profile>(observed));
  ASSERT_TRUE(spy.wait(10000));
  ASSERT_TRUE(m_session.evaluation()->replay.has_value());
  EXPECT_EQ(replayWords(*m_session.evaluation()), QStringLiteral(", replay error -50.0 %"));
  editAndWait(withPlacement(*m_session.profile(), m_session.plan(), 0, kEveryLayer, 0, op("fc1"),
                            {PlacementKind::kOnDemand}));
  EXPECT_EQ(replayWords(*m_session.evaluation()), QStringLiteral(", replay error -50.0 %"));
}

TEST_F(Session, anImpossibleEditIsSaidInWordsAndCanBeUndone) {
  editAndWait(withPlacement(*m_session.profile(), m_session.plan(), 0, kEveryLayer, 0, op("fc1"),
                            {PlacementKind::kDiscarded}));
  EXPECT_FALSE(m_session.evaluation()->problem.empty());
  EXPECT_FALSE(m_session.evaluation()->result);
  QSignalSpy spy(&m_session, &PlanSession::evaluated);
  m_session.undoStack().undo();
  ASSERT_TRUE(spy.wait(10000));
  EXPECT_TRUE(m_session.evaluation()->problem.empty());
}

TEST_F(Session, theSamePlanIsNoEdit) {
  m_session.edit(m_session.plan(), QStringLiteral("nothing"));
  EXPECT_EQ(m_session.undoStack().count(), 0);
}

TEST_F(Session, thePlannersPlanIsAnUndoableEdit) {
  const plan::Plan before = m_session.plan();
  QSignalSpy planned(&m_session, &PlanSession::planned);
  planner::PlanRequest request;
  request.policy = "full";
  m_session.requestPlan(request);
  ASSERT_TRUE(planned.wait(30000));
  EXPECT_EQ(m_session.plan().policy, "full");
  ASSERT_NE(m_session.outcome(), nullptr);
  EXPECT_TRUE(searchWords(*m_session.outcome()).startsWith(QStringLiteral("feasible")));
  m_session.undoStack().undo();
  EXPECT_EQ(m_session.plan(), before);
  EXPECT_EQ(m_session.outcome(), nullptr) << "it spoke of another plan";
}

TEST_F(Session, aWrongPolicyIsReported) {
  QSignalSpy failed(&m_session, &PlanSession::failed);
  planner::PlanRequest request;
  request.policy = "no-such-policy";
  m_session.requestPlan(request);
  ASSERT_TRUE(failed.wait(10000));
  EXPECT_TRUE(failed.front().front().toString().contains(QStringLiteral("no-such-policy")));
}

TEST_F(Session, policiesAreTriedSideBySide) {
  QSignalSpy ready(&m_session, &PlanSession::trialsReady);
  m_session.tryPolicies();
  ASSERT_TRUE(ready.wait(60000));
  EXPECT_EQ(m_session.trials().size(), planner::policies().size());
  const FigureTable table = trialTable(m_session.trials(), theme(ThemeKind::kLight));
  EXPECT_EQ(table.rows.size(), m_session.trials().size());
  for (const auto& row : table.rows)
    EXPECT_EQ(row.size(), static_cast<size_t>(table.header.size()));
}

TEST_F(Session, aBudgetThatNothingFitsIsMarkedStageByStage) {
  editAndWait(withBudget(m_session.plan(), 1024));
  ASSERT_TRUE(m_session.evaluation()->result);
  EXPECT_FALSE(m_session.evaluation()->result->fits);
  const FigureTable table =
      predictionTable(*m_session.evaluation()->result, theme(ThemeKind::kLight));
  constexpr size_t kPeak = 2;
  ASSERT_EQ(table.header[kPeak], QStringLiteral("Peak"));
  for (const auto& row : table.rows) EXPECT_TRUE(row[kPeak].colour.has_value());
}

TEST_F(Session, predictionsAreComparedLikeRuns) {
  const analysis::RunSummary run =
      summaryOf(*m_session.evaluation()->result, m_session.plan(), "A100");
  analysis::RunSummary slower = run;
  slower.stepNs = run.stepNs * 3 / 2;
  const FigureTable table = comparisonTable({run, slower}, theme(ThemeKind::kDark));
  ASSERT_EQ(table.rows.size(), 2 * (1 + run.stages.size()));
  EXPECT_FALSE(table.rows[0][3].text.contains(QLatin1Char('%')));
  EXPECT_TRUE(table.rows[1 + run.stages.size()][3].text.contains(QStringLiteral("+50.0 %")))
      << table.rows[1 + run.stages.size()][3].text.toStdString();
}

}  // namespace
}  // namespace caracal::ui
