// Minimap: the whole time axis in a strip, how busy each run is along it, and the part that the
// timeline shows. Dragging moves that part, a press elsewhere brings it there, the wheel zooms.
#pragma once

#include <QWidget>

#include "app/ui/theme/palette.h"

namespace caracal::ui {

class TimelineController;

class Minimap : public QWidget {
  Q_OBJECT
 public:
  // `controller` must outlive the map.
  explicit Minimap(TimelineController& controller, QWidget* parent = nullptr);
  void setTheme(ThemeKind kind);
  // Where the visible part is drawn.
  QRectF viewport() const;

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;

 private:
  double pixelOf(int64_t timeNs) const;
  int64_t timeAt(double pixel) const;
  void centreOn(double pixel);

  TimelineController& m_controller;
  ThemeKind m_theme = ThemeKind::kLight;
  double m_grip = 0;  // pixels from the middle of the viewport to where it is held
};

}  // namespace caracal::ui
