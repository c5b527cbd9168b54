#include "app/ui/timeline/overlays.h"

#include <QPainter>
#include <algorithm>
#include <cmath>
#include <vector>

#include "app/ui/timeline/link_overlay.h"
#include "core/base/format.h"

namespace caracal::ui {
namespace {

int screenX(const OverlayArea& area, const TimeView& view, int64_t timeNs) {
  const double x = std::clamp(view.pixelOf(timeNs), -10.0, static_cast<double>(view.width) + 10.0);
  return area.canvas.left() + static_cast<int>(std::floor(x));
}

void paintRange(QPainter& painter, const OverlayArea& area, const TimelineController& controller,
                const Theme& theme) {
  if (!controller.range()) return;
  const int left = screenX(area, controller.view(), controller.range()->beginNs);
  const int right = screenX(area, controller.view(), controller.range()->endNs);
  QColor veil = theme.accent;
  veil.setAlpha(45);
  painter.fillRect(QRect(left, area.canvas.top(), right - left, area.canvas.height()), veil);
  painter.setPen(theme.accent);
  painter.drawLine(left, area.canvas.top(), left, area.canvas.bottom());
  painter.drawLine(right, area.canvas.top(), right, area.canvas.bottom());
  const QString text = QString::fromStdString(formatDuration(controller.range()->lengthNs()));
  const int width = painter.fontMetrics().horizontalAdvance(text) + 12;
  const QRect badge((left + right - width) / 2, area.canvas.top() + 2, width,
                    painter.fontMetrics().height() + 4);
  painter.fillRect(badge, theme.accent);
  painter.setPen(textOn(theme.accent));
  painter.drawText(badge, Qt::AlignCenter, text);
}

// Hits as ticks on their rows, at most one a pixel.
void paintHits(QPainter& painter, const OverlayArea& area, const TimelineController& controller,
               const Theme& theme) {
  const Span visible = controller.view().span();
  const SearchHits& found = controller.hits();
  std::vector<int> lastX(controller.scene().rows.size(), -1);
  const auto first =
      std::lower_bound(found.begins.begin(), found.begins.end(), visible.beginNs - found.longestNs);
  for (auto i = static_cast<size_t>(first - found.begins.begin()); i < found.hits.size(); ++i) {
    if (found.begins[i] >= visible.endNs) break;
    const BlockRef& ref = found.hits[i];
    const int x = screenX(area, controller.view(), found.begins[i]);
    if (lastX[ref.row] == x) continue;
    lastX[ref.row] = x;
    const QRect rect = blockRect(area, controller, ref);
    if (rect.isNull() || !rect.intersects(area.canvas)) continue;
    painter.fillRect(QRect(rect.left(), rect.top(), rect.width(), 3), theme.warning);
  }
}

void paintMark(QPainter& painter, const OverlayArea& area, const TimeView& view, int64_t timeNs,
               Qt::PenStyle style, const QColor& colour) {
  const int x = screenX(area, view, timeNs);
  if (x < area.canvas.left() || x > area.canvas.right()) return;
  painter.setPen(QPen(colour, 1, style));
  painter.drawLine(x, area.canvas.top(), x, area.canvas.bottom());
}

}  // namespace

QRect blockRect(const OverlayArea& area, const TimelineController& controller,
                const BlockRef& ref) {
  const size_t place = controller.layout().placeOf(ref.row);
  if (place == controller.layout().rows.size()) return {};
  const PlacedRow& row = controller.layout().rows[place];
  const uint32_t lane = ref.lane == kBubbleLane ? 0 : ref.lane;
  const auto placed = std::find_if(row.lanes.begin(), row.lanes.end(),
                                   [&](const PlacedLane& l) { return l.lane == lane; });
  if (placed == row.lanes.end()) return {};
  const Block block = blockOf(controller.scene(), ref);
  const int left = screenX(area, controller.view(), block.beginNs);
  const int right = screenX(area, controller.view(), block.endNs);
  return {left, area.canvas.top() + placed->top - area.scrollY, std::max(2, right - left),
          placed->height - 1};
}

void paintOverlays(QPainter& painter, const OverlayArea& area, const TimelineController& controller,
                   std::optional<int64_t> hover, const Theme& theme) {
  painter.save();
  painter.setClipRect(area.canvas);
  paintHits(painter, area, controller, theme);
  if (controller.selected().valid()) {
    if (const QRect rect = blockRect(area, controller, controller.selected()); !rect.isNull()) {
      painter.setPen(QPen(theme.text, 2));
      painter.setBrush(Qt::NoBrush);
      painter.drawRect(rect.adjusted(0, 0, -1, -1));
    }
  }
  paintLinks(painter, area, controller, theme);
  paintRange(painter, area, controller, theme);
  for (const int64_t mark : controller.keptMarks()) {
    paintMark(painter, area, controller.view(), mark, Qt::SolidLine, theme.warning);
  }
  if (controller.mark())
    paintMark(painter, area, controller.view(), *controller.mark(), Qt::DashLine, theme.warning);
  if (hover) paintMark(painter, area, controller.view(), *hover, Qt::DotLine, theme.mutedText);
  painter.restore();
}

}  // namespace caracal::ui
