#include "app/ui/panels/legend.h"

#include <QImage>
#include <QPainter>

namespace caracal::ui {
namespace {

constexpr int kSwatchWidth = 22;
constexpr int kLine = 20;
constexpr int kGap = 14;

// Lays out the entries, calling `entry(position, paint)` for each; returns the height.
template <class Entry>
int layOut(const QFontMetrics& metrics, int width, const std::vector<Paint>& paints,
           const Entry& entry) {
  int x = 0;
  int y = 0;
  for (const Paint paint : paints) {
    const int needed = kSwatchWidth + 6 + metrics.horizontalAdvance(labelOf(paint));
    if (x > 0 && x + needed > width) {
      x = 0;
      y += kLine;
    }
    entry(QPoint(x, y), paint);
    x += needed + kGap;
  }
  return paints.empty() ? 0 : y + kLine;
}

Qt::BrushStyle brushOf(Hatch hatch) {
  switch (hatch) {
    case Hatch::kRising:
      return Qt::BDiagPattern;
    case Hatch::kFalling:
      return Qt::FDiagPattern;
    case Hatch::kCross:
      return Qt::DiagCrossPattern;
    case Hatch::kDots:
      return Qt::Dense5Pattern;
    case Hatch::kNone:
      break;
  }
  return Qt::SolidPattern;
}

}  // namespace

std::vector<Paint> paintsOf(const Scene& scene) {
  uint32_t used = 0;
  for (const Row& row : scene.rows) {
    for (const Lane& lane : row.lanes) used |= lane.paints();
    used |= row.bubbles.paints();
  }
  std::vector<Paint> paints;
  for (size_t p = 0; p < static_cast<size_t>(Paint::kCount); ++p) {
    if ((used >> p & 1) != 0) paints.push_back(static_cast<Paint>(p));
  }
  return paints;
}

void paintSwatch(QPainter& painter, const QRect& area, Paint paint, const Theme& theme) {
  const QColor colour = theme.of(paint);
  if (isBubble(paint)) {
    QColor tint = colour;
    tint.setAlphaF(0.16F);
    painter.fillRect(area, tint);
    painter.fillRect(area, QBrush(colour, brushOf(hatchOf(paint))));
  } else {
    painter.fillRect(area, colour);
    if (hatchOf(paint) != Hatch::kNone)
      painter.fillRect(area, QBrush(theme.background, brushOf(hatchOf(paint))));
  }
}

int paintLegend(QPainter& painter, QPoint topLeft, int width, const std::vector<Paint>& paints,
                const Theme& theme) {
  const QFontMetrics metrics = painter.fontMetrics();
  return layOut(metrics, width, paints, [&](QPoint at, Paint paint) {
    const QPoint place = topLeft + at;
    paintSwatch(painter, QRect(place.x(), place.y() + 4, kSwatchWidth, kLine - 8), paint, theme);
    painter.setPen(theme.text);
    const QString label = labelOf(paint);
    painter.drawText(
        QRect(place.x() + kSwatchWidth + 6, place.y(), metrics.horizontalAdvance(label) + 2, kLine),
        Qt::AlignVCenter | Qt::AlignLeft, label);
  });
}

Legend::Legend(QWidget* parent) : QWidget(parent) {
  setAccessibleName(tr("Legend"));
}

void Legend::set(const Scene& scene) {
  m_paints = paintsOf(scene);
  fitHeight();
  update();
}

void Legend::setTheme(ThemeKind kind) {
  m_theme = kind;
  update();
}

// Not before it is seen: it is narrow until then, and so high that it would enlarge the window.
void Legend::fitHeight() {
  if (!isVisible()) return;
  setFixedHeight(layOut(fontMetrics(), width() - 16, m_paints, [](QPoint, Paint) {}) +
                 (m_paints.empty() ? 0 : 8));
}

void Legend::resizeEvent(QResizeEvent*) {
  fitHeight();
}

void Legend::showEvent(QShowEvent*) {
  fitHeight();
}

void Legend::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const Theme& colours = theme(m_theme);
  painter.fillRect(rect(), colours.background);
  paintLegend(painter, {8, 4}, width() - 16, m_paints, colours);
}

}  // namespace caracal::ui
