// TimelineWidget: the controller on screen. Paints ruler, row names, raster and overlays; turns
// mouse and wheel into calls of the controller. Keys come as actions (window/action_table.h).
#pragma once

#include <QAbstractScrollArea>
#include <QImage>
#include <memory>
#include <optional>

#include "app/ui/theme/palette.h"
#include "app/ui/timeline/timeline_controller.h"

namespace caracal::ui {

class TimelineRaster;

class TimelineWidget : public QAbstractScrollArea {
  Q_OBJECT
 public:
  // `controller` must outlive the widget.
  explicit TimelineWidget(TimelineController& controller, QWidget* parent = nullptr);
  ~TimelineWidget() override;

  void setTheme(ThemeKind kind);

  // Pixel of the time axis where keys zoom: the mouse when it is over the blocks, else the middle.
  double anchorPixel() const;
  // Time under the mouse, or in the middle of the view.
  int64_t anchorTime() const;
  void scrollToRow(uint32_t row);

 signals:
  void copyRequested(const caracal::ui::BlockRef& ref);  // from the context menu

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void contextMenuEvent(QContextMenuEvent* event) override;
  bool viewportEvent(QEvent* event) override;
  void scrollContentsBy(int dx, int dy) override;

 private:
  enum class Drag { kNone, kPress, kRange, kPan };

  QRect canvas() const;  // where blocks are
  int scrollY() const;
  double axisX(const QPointF& position) const;
  int contentY(const QPointF& position) const;
  BlockRef blockUnder(const QPointF& position) const;
  int64_t snapped(const QPointF& position, Qt::KeyboardModifiers modifiers) const;
  void applyGeometry();
  void redraw();
  void paintEmpty(QPainter& painter) const;
  void showToolTip(const QPoint& global, const QPointF& position);

  TimelineController& m_controller;
  ThemeKind m_theme = ThemeKind::kLight;
  std::unique_ptr<TimelineRaster> m_raster;
  QImage m_image;  // the blocks; valid while !m_dirty
  bool m_dirty = true;
  int m_headerWidth = 180;
  Drag m_drag = Drag::kNone;
  QPointF m_pressed;
  QPointF m_last;
  int64_t m_rangeStart = 0;
  std::optional<QPointF> m_mouse;
};

}  // namespace caracal::ui
