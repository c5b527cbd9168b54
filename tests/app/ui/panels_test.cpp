// Panels that follow the timeline: step strip, minimap, search results, arrows.
#include <gtest/gtest.h>

#include <QAbstractItemModelTester>
#include <QApplication>
#include <QMouseEvent>

#include "app/ui/panels/hits_panel.h"
#include "app/ui/panels/minimap.h"
#include "app/ui/panels/step_strip.h"
#include "app/ui/timeline/link_overlay.h"
#include "app/ui/timeline/timeline_controller.h"
#include "core/trace/trace_builder.h"
#include "tests/app/ui/drawn_trace.h"

namespace caracal::ui {
namespace {

class Panels : public testing::Test {
 protected:
  void SetUp() override {
    m_controller.setWidth(1000);
    m_controller.setScene(test::sceneOf(test::drawPipeline(3, 4, 10)));
  }
  static void mouse(QWidget& widget, QEvent::Type type, QPointF at,
                    Qt::KeyboardModifiers modifiers = {}) {
    const Qt::MouseButtons held =
        type == QEvent::MouseButtonRelease ? Qt::NoButton : Qt::MouseButtons(Qt::LeftButton);
    QMouseEvent event(type, at, widget.mapToGlobal(at),
                      type == QEvent::MouseMove ? Qt::NoButton : Qt::LeftButton, held, modifiers);
    QApplication::sendEvent(&widget, &event);
  }
  TimelineController m_controller;
};

TEST_F(Panels, aClickOnAStepSelectsItAndZoomsToIt) {
  StepStrip strip(m_controller);
  strip.resize(1000, strip.height());
  const QRect area = strip.barArea();
  const auto middleOf = [&](int step) {
    return QPointF(area.left() + (step + 0.5) * area.width() / 10, area.center().y());
  };
  mouse(strip, QEvent::MouseButtonPress, middleOf(4));
  const Span step = m_controller.scene().runs[0].steps[4];
  EXPECT_EQ(m_controller.range(), step);
  EXPECT_LT(m_controller.view().span().lengthNs(), 2 * step.lengthNs());
  EXPECT_EQ(strip.chosen(), (std::vector<size_t>{4}));
  mouse(strip, QEvent::MouseButtonPress, middleOf(7), Qt::ControlModifier);
  EXPECT_EQ(strip.chosen(), (std::vector<size_t>{4, 7}));
  mouse(strip, QEvent::MouseButtonPress, middleOf(9), Qt::ShiftModifier);
  EXPECT_EQ(strip.chosen(), (std::vector<size_t>{4, 7, 8, 9}));
  mouse(strip, QEvent::MouseButtonPress, middleOf(7), Qt::ControlModifier);
  EXPECT_EQ(strip.chosen(), (std::vector<size_t>{4, 8, 9}));
  mouse(strip, QEvent::MouseButtonPress, {2, 2});
  EXPECT_EQ(strip.chosen().size(), 3U) << "beside the bars is no step";
  EXPECT_FALSE(strip.grab().isNull());
}

TEST_F(Panels, theStripIsHiddenWithoutSteps) {
  StepStrip strip(m_controller);
  EXPECT_FALSE(strip.isHidden());
  m_controller.setScene(test::sceneOf(
      test::drawTrace({{"s", trace::TrackKind::kGpuStream, trace::EventKind::kKernel, 0, "AB"}})));
  EXPECT_TRUE(strip.isHidden());
  m_controller.setScene(std::make_shared<const Scene>());
  EXPECT_FALSE(strip.grab().isNull());
}

TEST_F(Panels, theFrameOfTheMinimapIsDraggedAndPlaced) {
  Minimap map(m_controller);
  map.resize(1000, map.height());
  const Span range = m_controller.scene().range;
  m_controller.showSpan({range.beginNs, range.beginNs + range.lengthNs() / 10});
  EXPECT_NEAR(map.viewport().width(), 100, 2);
  mouse(map, QEvent::MouseButtonPress, {30, 10});
  mouse(map, QEvent::MouseMove, {430, 10});
  mouse(map, QEvent::MouseButtonRelease, {430, 10});
  EXPECT_NEAR(map.viewport().left(), 400, 3);
  mouse(map, QEvent::MouseButtonPress, {700, 10});
  EXPECT_NEAR(map.viewport().center().x(), 700, 3) << "a press elsewhere brings the view there";
  m_controller.showSpan({range.beginNs + 5000, range.beginNs + 5002});
  EXPECT_GE(map.viewport().width(), 3) << "a deep zoom can still be held";
  EXPECT_FALSE(map.grab().isNull());
}

TEST_F(Panels, hitsAreListedAndGoneTo) {
  HitsModel model(m_controller);
  QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Warning);
  HitsPanel panel(m_controller);
  EXPECT_EQ(model.rowCount(), 0);
  m_controller.setHits(*searchBlocks(m_controller.scene(), "^F2$"));
  ASSERT_EQ(model.rowCount(), 30) << "ten steps of three stages";
  EXPECT_EQ(model.data(model.index(0, HitsModel::kRow), Qt::DisplayRole).toString(),
            QStringLiteral("stage 0"));
  m_controller.goToHitNumber(4);
  EXPECT_EQ(m_controller.currentHit(), 4);
  EXPECT_EQ(m_controller.selected(), m_controller.hits().hits[4]);
  m_controller.setScene(std::make_shared<const Scene>());
  EXPECT_EQ(model.rowCount(), 0) << "hits are places in one scene";
}

TEST(Links, pointAtBlocksAndAtTheRowsThatHideThem) {
  trace::TraceBuilder builder;
  builder.addRank({});
  builder.addTrack({.kind = trace::TrackKind::kGpuStream});
  builder.addTrack({.kind = trace::TrackKind::kCpuThread});
  builder.add({1, trace::EventKind::kRuntime, builder.intern("cudaLaunchKernel"), 0, 10, 42});
  builder.add({0, trace::EventKind::kKernel, builder.intern("gemm"), 50, 50, 42});
  TimelineController controller;
  controller.setWidth(1000);
  controller.setScene(test::sceneOf(std::move(builder).finish()));
  controller.showSpan({0, 100});
  const BlockRef kernel{2, 0, 0};
  controller.select(kernel);
  ASSERT_EQ(controller.selectedLinks().size(), 1U);
  EXPECT_EQ(controller.selectedLinks()[0].to, kernel);
  const OverlayArea area{QRect(100, 20, 1000, 500), 0};
  const auto at = linkPoint(area, controller, kernel, BlockEdge::kBegin);
  ASSERT_TRUE(at);
  EXPECT_NEAR(at->x(), 600, 1);
  const double open = at->y();
  controller.toggleFold(1);
  const auto folded = linkPoint(area, controller, kernel, BlockEdge::kEnd);
  ASSERT_TRUE(folded);
  EXPECT_NEAR(folded->x(), 1100, 1);
  EXPECT_LT(folded->y(), open) << "the folded rank stands for its stream";
  EXPECT_TRUE(controller.goToDependency(Direction::kBackward));
  EXPECT_EQ(controller.selected().row, 3U);
}

}  // namespace
}  // namespace caracal::ui
