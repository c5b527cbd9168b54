#include "app/ui/timeline/timeline_widget.h"

#include <gtest/gtest.h>

#include <QApplication>
#include <QMouseEvent>
#include <QScrollBar>
#include <QWheelEvent>

#include "app/ui/timeline/row_headers.h"
#include "app/ui/timeline/ruler.h"
#include "tests/app/ui/drawn_trace.h"

namespace caracal::ui {
namespace {

class Widget : public testing::Test {
 protected:
  void SetUp() override {
    m_controller.setScene(test::sceneOf(test::drawPipeline(4, 6, 1)));
    m_widget.resize(1200, 300);
    m_widget.show();
    QApplication::processEvents();
    m_header = preferredHeaderWidth(m_controller.scene(), m_controller.layout(), m_widget.font());
  }
  // A point over stage `stage` at `timeNs`.
  QPointF pointAt(int stage, int64_t timeNs) const {
    const PlacedRow& row = m_controller.layout().rows[static_cast<size_t>(stage) + 1];
    return {m_header + m_controller.view().pixelOf(timeNs),
            static_cast<double>(kRulerHeight + row.top + 8)};
  }
  void mouse(QEvent::Type type, QPointF at, Qt::MouseButton button,
             Qt::KeyboardModifiers modifiers = {}) {
    const Qt::MouseButtons held =
        type == QEvent::MouseButtonRelease ? Qt::NoButton : Qt::MouseButtons(button);
    QMouseEvent event(type, at, m_widget.viewport()->mapToGlobal(at), button, held, modifiers);
    QApplication::sendEvent(m_widget.viewport(), &event);
  }
  void wheel(QPointF at, int delta, Qt::KeyboardModifiers modifiers) {
    QWheelEvent event(at, m_widget.viewport()->mapToGlobal(at), {}, {0, delta}, Qt::NoButton,
                      modifiers, Qt::NoScrollPhase, false);
    QApplication::sendEvent(m_widget.viewport(), &event);
  }

  TimelineController m_controller;
  TimelineWidget m_widget{m_controller};
  int m_header = 0;
};

TEST_F(Widget, aClickSelectsTheBlockUnderIt) {
  const QPointF point = pointAt(0, 500);
  mouse(QEvent::MouseButtonPress, point, Qt::LeftButton);
  mouse(QEvent::MouseButtonRelease, point, Qt::LeftButton);
  EXPECT_EQ(m_controller.selected(), (BlockRef{1, 0, 0}));
}

TEST_F(Widget, aDragSelectsARangeThatSnapsToEdges) {
  // The first forward of stage 0 is [0, 1000).
  mouse(QEvent::MouseButtonPress, pointAt(0, 0) + QPointF(2, 0), Qt::LeftButton);
  mouse(QEvent::MouseMove, pointAt(0, 600), Qt::LeftButton);
  mouse(QEvent::MouseMove, pointAt(0, 1000) + QPointF(3, 0), Qt::LeftButton);
  mouse(QEvent::MouseButtonRelease, pointAt(0, 1000) + QPointF(3, 0), Qt::LeftButton);
  ASSERT_TRUE(m_controller.range());
  EXPECT_EQ(*m_controller.range(), (Span{0, 1000}));
}

TEST_F(Widget, altDragsWithoutSnapping) {
  const QPointF from = pointAt(0, 0) + QPointF(2, 0);
  mouse(QEvent::MouseButtonPress, from, Qt::LeftButton, Qt::AltModifier);
  mouse(QEvent::MouseMove, from + QPointF(50, 0), Qt::LeftButton, Qt::AltModifier);
  ASSERT_TRUE(m_controller.range());
  EXPECT_NE(m_controller.range()->beginNs, 0);
}

TEST_F(Widget, controlWheelZoomsAtTheCursorAndShiftWheelPans) {
  const QPointF point = pointAt(1, 4000);
  const double before = m_controller.view().nsPerPixel;
  wheel(point, 120, Qt::ControlModifier);
  EXPECT_LT(m_controller.view().nsPerPixel, before);
  EXPECT_NEAR(m_controller.view().pixelOf(4000) + m_header, point.x(), 1.5);
  const int64_t begin = m_controller.view().beginNs;
  wheel(point, -120, Qt::ShiftModifier);
  EXPECT_GT(m_controller.view().beginNs, begin);
}

TEST_F(Widget, middleDragPans) {
  wheel(pointAt(1, 4000), 720, Qt::ControlModifier);
  const int64_t begin = m_controller.view().beginNs;
  mouse(QEvent::MouseButtonPress, {600, 100}, Qt::MiddleButton);
  mouse(QEvent::MouseMove, {500, 100}, Qt::MiddleButton);
  mouse(QEvent::MouseButtonRelease, {500, 100}, Qt::MiddleButton);
  EXPECT_NEAR(static_cast<double>(m_controller.view().beginNs - begin),
              100 * m_controller.view().nsPerPixel, 2.0);
}

TEST_F(Widget, doubleClickZoomsToTheBlock) {
  mouse(QEvent::MouseButtonDblClick, pointAt(0, 500), Qt::LeftButton);
  EXPECT_LT(m_controller.view().span().lengthNs(), 2000);
}

TEST_F(Widget, aClickOnATriangleFolds) {
  m_controller.setScene(test::sceneOf(
      test::drawTrace({{"s", trace::TrackKind::kGpuStream, trace::EventKind::kKernel, 0, "AB"}})));
  QApplication::processEvents();
  const size_t before = m_controller.layout().rows.size();
  const PlacedRow& rank = m_controller.layout().rows[1];
  mouse(QEvent::MouseButtonPress, {20, static_cast<double>(kRulerHeight + rank.top + 5)},
        Qt::LeftButton);
  EXPECT_EQ(m_controller.layout().rows.size(), before - 1);
}

TEST_F(Widget, everythingCanBeGrabbedInBothThemes) {
  for (const ThemeKind kind : {ThemeKind::kLight, ThemeKind::kDark}) {
    m_widget.setTheme(kind);
    m_controller.setRange(Span{0, 5000});
    m_controller.setMark(2000);
    const QImage image = m_widget.grab().toImage();
    EXPECT_EQ(QColor(image.pixel(image.width() - 30, image.height() - 3)), theme(kind).background);
  }
}

TEST_F(Widget, aHiddenRowIsScrolledIntoView) {
  m_widget.resize(800, 90);
  QApplication::processEvents();
  ASSERT_GT(m_widget.verticalScrollBar()->maximum(), 0);
  m_widget.scrollToRow(4);
  EXPECT_GT(m_widget.verticalScrollBar()->value(), 0);
  m_widget.scrollToRow(0);
  EXPECT_EQ(m_widget.verticalScrollBar()->value(), 0);
}

}  // namespace
}  // namespace caracal::ui
