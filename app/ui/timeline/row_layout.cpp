#include "app/ui/timeline/row_layout.h"

#include <algorithm>

#include "app/ui/timeline/time_view.h"

namespace caracal::ui {
namespace {

bool hasChildren(const Scene& scene, uint32_t row) {
  return scene.subtreeEnd(row) > row + 1;
}

// A folded track keeps its outermost lane, so that folding hides depth, not work.
size_t visibleLanes(const Row& row, bool folded) {
  const bool hidesDepth = folded && row.kind == RowKind::kTrack && !row.gpuWork;
  return hidesDepth ? std::min<size_t>(1, row.lanes.size()) : row.lanes.size();
}

int laneHeight(const Row& row, uint32_t lane, const RowMetrics& metrics) {
  if (row.kind == RowKind::kStage) {
    const Lane& blocks = row.lanes[lane];
    const bool recompute = !blocks.empty() && blocks.style(0).paint == Paint::kRecompute;
    return recompute ? metrics.recompute : metrics.band;
  }
  return lane == 0 ? metrics.lane : metrics.nestedLane;
}

PlacedRow place(const Scene& scene, uint32_t index, bool folded, int top,
                const RowMetrics& metrics) {
  const Row& row = scene.rows[index];
  PlacedRow placed;
  placed.row = index;
  placed.top = top;
  placed.folded = folded;
  placed.foldable = hasChildren(scene, index) ||
                    (row.kind == RowKind::kTrack && !row.gpuWork && row.lanes.size() > 1);
  int y = top;
  for (uint32_t lane = 0; lane < visibleLanes(row, folded); ++lane) {
    const int height = laneHeight(row, lane, metrics);
    placed.lanes.push_back({lane, y, height});
    y += height;
  }
  if (placed.lanes.empty()) {
    const bool band = row.kind == RowKind::kRank || row.kind == RowKind::kStage;
    y += band && (folded || row.kind == RowKind::kStage) ? metrics.band : metrics.header;
  }
  placed.height = y - top + metrics.gap;
  return placed;
}

}  // namespace

size_t RowLayout::at(int y) const {
  const auto after = std::partition_point(rows.begin(), rows.end(),
                                          [&](const PlacedRow& r) { return r.top <= y; });
  if (after == rows.begin()) return rows.size();
  const auto row = std::prev(after);
  return y < row->top + row->height ? static_cast<size_t>(row - rows.begin()) : rows.size();
}

size_t RowLayout::placeOf(uint32_t row) const {
  const auto it = std::partition_point(rows.begin(), rows.end(),
                                       [&](const PlacedRow& r) { return r.row < row; });
  return it != rows.end() && it->row == row ? static_cast<size_t>(it - rows.begin()) : rows.size();
}

FoldState initialFolds(const Scene& scene) {
  FoldState folded(scene.rows.size());
  for (size_t r = 0; r < scene.rows.size(); ++r)
    folded[r] = scene.rows[r].fold == InitialFold::kFolded;
  return folded;
}

RowLayout layoutRows(const Scene& scene, const FoldState& folded, const RowMetrics& metrics) {
  RowLayout layout;
  for (uint32_t row = 0; row < scene.rows.size();) {
    PlacedRow placed = place(scene, row, folded[row], layout.height, metrics);
    layout.height += placed.height;
    row = placed.folded ? scene.subtreeEnd(row) : row + 1;
    layout.rows.push_back(std::move(placed));
  }
  return layout;
}

BlockRef blockAt(const Scene& scene, const RowLayout& layout, const TimeView& view, double x, int y,
                 double tolerancePixels) {
  const size_t index = layout.at(y);
  if (index == layout.rows.size()) return {};
  const PlacedRow& placed = layout.rows[index];
  const int64_t time = view.timeAt(x);
  const auto tolerance = static_cast<int64_t>(tolerancePixels * view.nsPerPixel);
  const auto hit = [&](uint32_t lane, int64_t within) -> BlockRef {
    const Lane& of = laneOf(scene, placed.row, lane);
    const size_t block = of.at(time, within);
    if (block == of.size()) return {};
    return {placed.row, lane, static_cast<uint32_t>(block)};
  };
  for (const PlacedLane& lane : placed.lanes) {
    if (y < lane.top || y >= lane.top + lane.height) continue;
    // What is exactly under the cursor wins over what is near it.
    if (const BlockRef exact = hit(lane.lane, 0); exact.valid()) return exact;
    if (lane.lane == 0) {
      if (const BlockRef bubble = hit(kBubbleLane, 0); bubble.valid()) return bubble;
    }
    return hit(lane.lane, tolerance);
  }
  return placed.lanes.empty() ? hit(kBubbleLane, tolerance) : BlockRef{};
}

}  // namespace caracal::ui
