// What lies over the blocks: selected range, selected block, search hits, marks, the cursor.
#pragma once

#include <QRect>
#include <optional>

#include "app/ui/theme/palette.h"
#include "app/ui/timeline/timeline_controller.h"

class QPainter;

namespace caracal::ui {

struct OverlayArea {
  QRect canvas;     // on screen
  int scrollY = 0;  // content height at its top
};

// Where a block lies on screen; null when its row is hidden.
QRect blockRect(const OverlayArea& area, const TimelineController& controller, const BlockRef& ref);

// `hover` is the time under the mouse.
void paintOverlays(QPainter& painter, const OverlayArea& area, const TimelineController& controller,
                   std::optional<int64_t> hover, const Theme& theme);

}  // namespace caracal::ui
