#include "app/ui/timeline/link_overlay.h"

#include <QPainter>
#include <QPainterPath>
#include <algorithm>
#include <cmath>

namespace caracal::ui {
namespace {

constexpr double kHead = 8;  // length of an arrowhead
constexpr double kLine = 1.8;
constexpr double kHalo = 4.5;       // around a line, so that it shows on blocks of its own colour
constexpr double kFarOutside = 50;  // pixels beyond the canvas at which lines are cut
constexpr size_t kMostArrows = 256;

// The visible row that stands for a scene row: itself or what it is folded into.
const PlacedRow* visibleRow(const TimelineController& controller, uint32_t row) {
  const RowLayout& layout = controller.layout();
  for (; row != kNoRow; row = controller.scene().rows[row].parent) {
    const size_t place = layout.placeOf(row);
    if (place < layout.rows.size()) return &layout.rows[place];
  }
  return nullptr;
}

Qt::PenStyle styleOf(LinkKind kind) {
  return kind == LinkKind::kLaunch ? Qt::DashLine : Qt::SolidLine;
}

void paintHead(QPainter& painter, QPointF from, QPointF to) {
  const double angle = std::atan2(to.y() - from.y(), to.x() - from.x());
  const auto corner = [&](double turn) {
    return to - QPointF(std::cos(angle + turn), std::sin(angle + turn)) * kHead;
  };
  painter.drawPolygon(QPolygonF{to, corner(0.4), corner(-0.4)});
}

}  // namespace

std::optional<QPointF> linkPoint(const OverlayArea& area, const TimelineController& controller,
                                 const BlockRef& ref, BlockEdge edge) {
  const PlacedRow* row = visibleRow(controller, ref.row);
  if (row == nullptr) return std::nullopt;
  const Block block = blockOf(controller.scene(), ref);
  const double x =
      controller.view().pixelOf(edge == BlockEdge::kBegin ? block.beginNs : block.endNs);
  const QRect exact = blockRect(area, controller, ref);
  const double y = exact.isNull() ? area.canvas.top() + row->top + row->height / 2.0 - area.scrollY
                                  : exact.center().y();
  return QPointF(
      area.canvas.left() + std::clamp(x, -kFarOutside, area.canvas.width() + kFarOutside), y);
}

void paintLinks(QPainter& painter, const OverlayArea& area, const TimelineController& controller,
                const Theme& theme) {
  const std::vector<BlockLink>& links = controller.selectedLinks();
  if (links.empty()) return;
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  for (size_t i = 0; i < std::min(links.size(), kMostArrows); ++i) {
    const auto from = linkPoint(area, controller, links[i].from, BlockEdge::kEnd);
    const auto to = linkPoint(area, controller, links[i].to, BlockEdge::kBegin);
    if (!from || !to) continue;
    // A call that came last ends long after the others began: their starts are what is compared.
    const QPointF start =
        links[i].kind == LinkKind::kCollective
            ? linkPoint(area, controller, links[i].from, BlockEdge::kBegin).value_or(*from)
            : *from;
    const bool out = links[i].from == controller.selected();
    const QColor colour = out ? theme.accent : theme.warning;
    painter.setBrush(Qt::NoBrush);
    QPainterPath path(start);
    const double bend = std::max(12.0, std::abs(to->x() - start.x()) / 3);
    path.cubicTo(start + QPointF(bend, 0), *to - QPointF(bend, 0), *to);
    painter.setPen(QPen(theme.background, kHalo));
    painter.drawPath(path);
    painter.setPen(QPen(colour, kLine, styleOf(links[i].kind)));
    painter.drawPath(path);
    painter.setPen(colour);
    painter.setBrush(colour);
    paintHead(painter, *to - QPointF(kHead, 0), *to);
  }
  painter.restore();
}

}  // namespace caracal::ui
