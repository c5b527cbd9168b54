// Legend: what the colours and hatches on screen mean, only those that occur.
#pragma once

#include <QWidget>
#include <vector>

#include "app/ui/theme/palette.h"
#include "app/ui/timeline/scene.h"

class QPainter;

namespace caracal::ui {

// Paints used by a scene, work first, then bubbles.
std::vector<Paint> paintsOf(const Scene& scene);
// One swatch with the paint's hatch.
void paintSwatch(QPainter& painter, const QRect& area, Paint paint, const Theme& theme);
// All entries in lines of `width`; returns the height used.
int paintLegend(QPainter& painter, QPoint topLeft, int width, const std::vector<Paint>& paints,
                const Theme& theme);

class Legend : public QWidget {
  Q_OBJECT
 public:
  explicit Legend(QWidget* parent = nullptr);
  void set(const Scene& scene);
  void setTheme(ThemeKind kind);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void showEvent(QShowEvent* event) override;

 private:
  void fitHeight();
  std::vector<Paint> m_paints;
  ThemeKind m_theme = ThemeKind::kLight;
};

}  // namespace caracal::ui
