#include "app/ui/timeline/row_headers.h"

#include <QFontMetrics>
#include <QPainter>
#include <algorithm>

namespace caracal::ui {
namespace {

constexpr int kIndent = 12;
constexpr int kTriangle = 16;
constexpr int kNarrowest = 150;
constexpr int kWidest = 320;

bool isHeader(const Row& row) {
  return row.kind != RowKind::kTrack;
}

QRgb backgroundOf(const Row& row, size_t order, const Theme& theme) {
  const bool band =
      row.kind == RowKind::kRun || row.kind == RowKind::kReplica || row.kind == RowKind::kRank;
  if (band) return theme.groupBand.rgb();
  return order % 2 == 0 ? theme.background.rgb() : theme.rowAlternate.rgb();
}

void paintTriangle(QPainter& painter, QPoint centre, bool folded, const QColor& colour) {
  const QPolygon down({centre + QPoint(-4, -2), centre + QPoint(4, -2), centre + QPoint(0, 3)});
  const QPolygon right({centre + QPoint(-2, -4), centre + QPoint(3, 0), centre + QPoint(-2, 4)});
  painter.setBrush(colour);
  painter.setPen(Qt::NoPen);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.drawPolygon(folded ? right : down);
  painter.setRenderHint(QPainter::Antialiasing, false);
}

void paintText(QPainter& painter, const QRect& area, const Row& row, const Theme& theme) {
  QFont font = painter.font();
  font.setBold(isHeader(row));
  const QFontMetrics metrics(font);
  const QString label = QString::fromStdString(row.label);
  const QString shown = metrics.elidedText(label, Qt::ElideMiddle, area.width());
  const QFont plain = painter.font();
  painter.setFont(font);
  painter.setPen(theme.text);
  painter.drawText(area, Qt::AlignLeft | Qt::AlignVCenter, shown);
  painter.setFont(plain);
  const int used = metrics.horizontalAdvance(shown) + 8;
  if (row.detail.empty() || area.width() - used < 30) return;
  painter.setPen(theme.mutedText);
  const QRect rest = area.adjusted(used, 0, 0, 0);
  painter.drawText(rest, Qt::AlignLeft | Qt::AlignVCenter,
                   QFontMetrics(plain).elidedText(QString::fromStdString(row.detail),
                                                  Qt::ElideRight, rest.width()));
}

}  // namespace

void paintRowHeaders(QPainter& painter, const QRect& content, const Scene& scene,
                     const RowLayout& layout, int scrollY, uint32_t highlighted,
                     const Theme& theme) {
  painter.save();
  painter.setClipRect(content);
  painter.fillRect(content, theme.background);
  for (size_t i = 0; i < layout.rows.size(); ++i) {
    const PlacedRow& placed = layout.rows[i];
    const QRect area(content.left(), content.top() + placed.top - scrollY, content.width(),
                     placed.height);
    if (area.bottom() < content.top()) continue;
    if (area.top() > content.bottom()) break;
    const Row& row = scene.rows[placed.row];
    painter.fillRect(area, QColor(backgroundOf(row, i, theme)));
    if (placed.row == highlighted)
      painter.fillRect(QRect(area.left(), area.top(), 3, area.height()), theme.accent);
    const int left = area.left() + 6 + row.depth * kIndent;
    // The first lane's height: the name stays beside it when a call stack hangs below.
    const int line = std::min(
        placed.height, placed.lanes.empty() ? placed.height : placed.lanes.front().height + 3);
    if (placed.foldable) {
      paintTriangle(painter, {left + 6, area.top() + line / 2}, placed.folded, theme.mutedText);
    }
    paintText(painter,
              QRect(left + kTriangle, area.top(), area.right() - left - kTriangle - 4, line), row,
              theme);
  }
  painter.setPen(theme.grid);
  painter.drawLine(content.topRight(), content.bottomRight());
  painter.restore();
}

int preferredHeaderWidth(const Scene& scene, const RowLayout& layout, const QFont& font) {
  QFont bold = font;
  bold.setBold(true);
  const QFontMetrics metrics(bold);
  int widest = 0;
  for (const PlacedRow& placed : layout.rows) {
    const Row& row = scene.rows[placed.row];
    const int text = metrics.horizontalAdvance(QString::fromStdString(row.label)) + 8 +
                     metrics.horizontalAdvance(QString::fromStdString(row.detail));
    widest = std::max(widest, 6 + row.depth * kIndent + kTriangle + text + 6);
  }
  return std::clamp(widest, kNarrowest, kWidest);
}

}  // namespace caracal::ui
