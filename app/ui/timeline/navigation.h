// Where the keys lead: neighbours of a block, bubbles, steps, dependencies, edges to snap to. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "app/ui/timeline/row_layout.h"
#include "app/ui/timeline/run_links.h"
#include "app/ui/timeline/scene.h"
#include "app/ui/timeline/time_view.h"

namespace caracal::ui {

enum class Direction : int8_t { kBackward = -1, kForward = 1 };

// The neighbour in the same lane; invalid at its end.
BlockRef nextBlock(const Scene& scene, const BlockRef& from, Direction direction);

// The next bubble after (before) `timeNs` in `row`, or in any stage when the row has none.
BlockRef nextBubble(const Scene& scene, uint32_t row, int64_t timeNs, Direction direction);

// The step that begins after (before) the one at `timeNs` in `run`; empty: there is none.
std::optional<Span> nextStep(const Scene& scene, uint32_t run, int64_t timeNs, Direction direction);

// A dependency between two blocks that are drawn.
struct BlockLink {
  BlockRef from;
  BlockRef to;
  LinkKind kind = LinkKind::kFlow;
};
// What the block waited for and what waits for it. Without `links` (null) launches alone.
std::vector<BlockLink> linksOf(const Scene& scene, const RunLinks* links, const BlockRef& block);
// The block that this one waited for (kBackward) or that waits for it (kForward): across ranks and
// by the trace's own links first, then its launch. Invalid when there is none.
BlockRef followDependency(const std::vector<BlockLink>& links, const BlockRef& from,
                          Direction direction);

// The block edge nearest to content position (x, y) on its row, when one is within `pixels`;
// else the time itself.
int64_t snapToEdge(const Scene& scene, const RowLayout& layout, const TimeView& view, double x,
                   int y, double pixels);

// An event as its trace stores it, and the same events found again in scene order of one run.
struct EventPlace {
  uint32_t run = 0;
  trace::EventIndex event = trace::kNoIndex;
};
// Empty for bubbles and for medians of folded steps.
std::optional<EventPlace> eventOf(const Scene& scene, const BlockRef& ref);

}  // namespace caracal::ui
