#include "app/ui/timeline/timeline_controller.h"

#include <gtest/gtest.h>

#include "tests/app/ui/drawn_trace.h"

namespace caracal::ui {
namespace {

class Controller : public testing::Test {
 protected:
  void SetUp() override {
    m_controller.setWidth(1000);
    m_controller.setScene(test::sceneOf(test::drawPipeline(3, 4, 3)));
  }
  TimelineController m_controller;
};

TEST_F(Controller, aNewSceneIsShownWhole) {
  const Span visible = m_controller.view().span();
  EXPECT_LE(visible.beginNs, m_controller.scene().range.beginNs);
  EXPECT_GE(visible.endNs, m_controller.scene().range.endNs);
}

TEST_F(Controller, pipelinesOfManyStepsOpenOnTheSecondOne) {
  m_controller.setScene(test::sceneOf(test::drawPipeline(3, 4, 10)));
  const Span step = m_controller.scene().runs[0].steps[1];
  EXPECT_LE(m_controller.view().span().beginNs, step.beginNs);
  EXPECT_LT(m_controller.view().span().lengthNs(), 2 * step.lengthNs());
}

TEST_F(Controller, focusZoomsToTheBlockThenBackToEverything) {
  m_controller.select({1, 0, 2});
  m_controller.focus();
  const Span block = blockOf(m_controller.scene(), {1, 0, 2}).span();
  EXPECT_LT(m_controller.view().span().lengthNs(), 2 * block.lengthNs());
  m_controller.focus();
  EXPECT_GE(m_controller.view().span().lengthNs(), m_controller.scene().range.lengthNs());
}

TEST_F(Controller, historyReturnsToEarlierViews) {
  const TimeView first = m_controller.view();
  m_controller.showSpan({100, 5000});
  const TimeView second = m_controller.view();
  m_controller.historyBack();
  EXPECT_EQ(m_controller.view(), first);
  m_controller.historyForward();
  EXPECT_EQ(m_controller.view(), second);
}

TEST_F(Controller, bubblesAndStepsAreReachedFromTheKeyboardAlone) {
  ASSERT_TRUE(m_controller.goToBubble(Direction::kForward));
  EXPECT_EQ(m_controller.selected().lane, kBubbleLane);
  ASSERT_TRUE(m_controller.goToStep(Direction::kForward));
  const Span visible = m_controller.view().span();
  const Span step = m_controller.scene().runs[0].steps[1];
  EXPECT_LE(visible.beginNs, step.beginNs);
  EXPECT_GE(visible.endNs, step.endNs);
  ASSERT_TRUE(m_controller.goToStep(Direction::kForward));
  EXPECT_FALSE(m_controller.goToStep(Direction::kForward)) << "there are three steps";
  EXPECT_TRUE(m_controller.goToStep(Direction::kBackward));
}

TEST_F(Controller, navigationUnfoldsWhatHidesItsTarget) {
  m_controller.setScene(test::sceneOf(test::drawTrace(
      {{"s", trace::TrackKind::kGpuStream, trace::EventKind::kKernel, 0, "AAAB"}})));
  m_controller.toggleFold(1);
  EXPECT_EQ(m_controller.layout().placeOf(2), m_controller.layout().rows.size());
  m_controller.setHits(*searchBlocks(m_controller.scene(), "B"));
  ASSERT_TRUE(m_controller.goToHit(Direction::kForward));
  EXPECT_LT(m_controller.layout().placeOf(2), m_controller.layout().rows.size());
  EXPECT_EQ(m_controller.selected(), (BlockRef{2, 0, 1}));
}

TEST_F(Controller, hitsWrapAround) {
  m_controller.setHits(*searchBlocks(m_controller.scene(), "^F0$"));
  const int count = static_cast<int>(m_controller.hits().hits.size());
  ASSERT_EQ(count, 9);
  for (int i = 0; i < count + 1; ++i) m_controller.goToHit(Direction::kForward);
  EXPECT_EQ(m_controller.currentHit(), 0);
  m_controller.goToHit(Direction::kBackward);
  EXPECT_EQ(m_controller.currentHit(), count - 1);
}

TEST_F(Controller, escapeClearsOneThingAtATime) {
  m_controller.select({1, 0, 0});
  m_controller.setHits(*searchBlocks(m_controller.scene(), "F"));
  m_controller.setRange(Span{0, 100});
  m_controller.clear();
  EXPECT_FALSE(m_controller.range());
  EXPECT_FALSE(m_controller.hits().hits.empty());
  m_controller.clear();
  EXPECT_TRUE(m_controller.hits().hits.empty());
  EXPECT_TRUE(m_controller.selected().valid());
  m_controller.clear();
  EXPECT_FALSE(m_controller.selected().valid());
}

TEST_F(Controller, anUpdateKeepsTheViewAndTheFolds) {
  m_controller.showSpan({100, 5000});
  const TimeView before = m_controller.view();
  m_controller.setScene(test::sceneOf(test::drawPipeline(3, 4, 3)),
                        TimelineController::OnNewScene::kKeepView);
  EXPECT_EQ(m_controller.view(), before);
}

TEST_F(Controller, aResizedWindowShowsTheSameSpan) {
  const Span before = m_controller.view().span();
  m_controller.setWidth(1777);
  EXPECT_NEAR(static_cast<double>(m_controller.view().span().endNs),
              static_cast<double>(before.endNs), 2.0);
}

TEST_F(Controller, keptMarksGoAwayWhenSetTwice) {
  m_controller.keepMark(100);
  m_controller.keepMark(200);
  m_controller.keepMark(100);
  EXPECT_EQ(m_controller.keptMarks(), (std::vector<int64_t>{200}));
}

TEST_F(Controller, nothingIsSelectedInAnEmptyScene) {
  m_controller.setScene(std::make_shared<const Scene>());
  EXPECT_FALSE(m_controller.goToBubble(Direction::kForward));
  EXPECT_FALSE(m_controller.goToStep(Direction::kForward));
  EXPECT_FALSE(m_controller.goToNeighbour(Direction::kForward));
  m_controller.focus();
  m_controller.zoomToSelection();
  EXPECT_FALSE(m_controller.selected().valid());
}

}  // namespace
}  // namespace caracal::ui
