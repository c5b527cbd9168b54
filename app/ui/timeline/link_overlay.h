// Arrows from what the selected block waited for to it, and from it to what waits for it.
#pragma once

#include "app/ui/timeline/overlays.h"

namespace caracal::ui {

// A thin line from the end of one block to the begin of the other. A block in a folded row is
// pointed at in the row that it is folded into; one off screen at its edge.
void paintLinks(QPainter& painter, const OverlayArea& area, const TimelineController& controller,
                const Theme& theme);
// Where a link touches the block's row: at its end (what it leads to) or at its begin; empty when
// no row stands for it.
enum class BlockEdge : uint8_t { kBegin, kEnd };
std::optional<QPointF> linkPoint(const OverlayArea& area, const TimelineController& controller,
                                 const BlockRef& ref, BlockEdge edge);

}  // namespace caracal::ui
