#include "app/ui/timeline/ruler.h"

#include <QPainter>
#include <cmath>

#include "app/ui/timeline/raster.h"

namespace caracal::ui {

QString tickLabel(int64_t timeNs, int64_t stepNs) {
  struct Unit {
    int64_t ns;
    const char* name;
  };
  static constexpr Unit kUnits[] = {
      {1'000'000'000, "s"}, {1'000'000, "ms"}, {1'000, "us"}, {1, "ns"}};
  // The largest unit in which the step needs one decimal at most.
  const Unit* unit = &kUnits[3];
  for (const Unit& candidate : kUnits) {
    if (stepNs * 10 >= candidate.ns) {
      unit = &candidate;
      break;
    }
  }
  int decimals = 0;
  for (int64_t part = unit->ns; part > 1 && stepNs % part != 0 && decimals < 3; part /= 10)
    ++decimals;
  const double value = static_cast<double>(timeNs) / static_cast<double>(unit->ns);
  return QStringLiteral("%1 %2").arg(value, 0, 'f', decimals).arg(QLatin1String(unit->name));
}

void paintRuler(QPainter& painter, const QRect& area, const TimeView& view, const Theme& theme) {
  painter.save();
  painter.setClipRect(area);
  painter.fillRect(area, theme.groupBand);
  const int64_t step = majorStep(view, TimelineRaster::kMajorTickPixels);
  for (const Tick& tick : ticks(view, TimelineRaster::kMajorTickPixels)) {
    const int x = area.left() + static_cast<int>(std::floor(view.pixelOf(tick.timeNs)));
    painter.setPen(tick.major ? theme.mutedText : theme.grid);
    painter.drawLine(x, area.bottom() - (tick.major ? 9 : 4), x, area.bottom());
    if (!tick.major) continue;
    painter.setPen(theme.text);
    painter.drawText(QRect(x + 4, area.top(), 160, area.height() - 4),
                     Qt::AlignLeft | Qt::AlignVCenter, tickLabel(tick.timeNs, step));
  }
  painter.setPen(theme.grid);
  painter.drawLine(area.bottomLeft(), area.bottomRight());
  painter.restore();
}

}  // namespace caracal::ui
