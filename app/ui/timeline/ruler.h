// The time ruler above the rows: ticks at round times, labels in one unit. The same lines continue
// as the grid that TimelineRaster draws.
#pragma once

#include <QRect>
#include <QString>

#include "app/ui/theme/palette.h"
#include "app/ui/timeline/time_view.h"

class QPainter;

namespace caracal::ui {

inline constexpr int kRulerHeight = 26;

// `timeNs` with the unit and digits that tell ticks `stepNs` apart: "12.4 ms", "3 s".
QString tickLabel(int64_t timeNs, int64_t stepNs);
void paintRuler(QPainter& painter, const QRect& area, const TimeView& view, const Theme& theme);

}  // namespace caracal::ui
