// The column left of the blocks: names of rows, indented by depth, with a triangle where rows fold.
#pragma once

#include <QFont>
#include <QRect>

#include "app/ui/theme/palette.h"
#include "app/ui/timeline/row_layout.h"
#include "app/ui/timeline/scene.h"

class QPainter;

namespace caracal::ui {

// `content` is the area on screen; `scrollY` the content height at its top. `highlighted` may be
// kNoRow.
void paintRowHeaders(QPainter& painter, const QRect& content, const Scene& scene,
                     const RowLayout& layout, int scrollY, uint32_t highlighted,
                     const Theme& theme);
// Width that shows the longest name of the visible rows, within reason.
int preferredHeaderWidth(const Scene& scene, const RowLayout& layout, const QFont& font);

}  // namespace caracal::ui
