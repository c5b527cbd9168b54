// Vertical geometry: which rows are visible given what is folded, and where each lies. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "app/ui/timeline/scene.h"

namespace caracal::ui {

// Heights in logical pixels.
struct RowMetrics {
  int header = 22;      // run and replica rows
  int band = 24;        // folded ranks, stage passes
  int lane = 18;        // first lane of a track
  int nestedLane = 15;  // further lanes; many of them make deep call stacks
  int recompute = 12;   // the recompute lane of a stage
  int gap = 3;          // below each row
};

struct PlacedLane {
  uint32_t lane = 0;
  int top = 0;  // from the top of the content
  int height = 0;
};

struct PlacedRow {
  uint32_t row = 0;
  int top = 0;
  int height = 0;  // gap included
  bool folded = false;
  bool foldable = false;  // it has children, or more than one lane
  std::vector<PlacedLane>
      lanes;  // what is drawn; empty: a header, or the union band of a folded rank
};

struct RowLayout {
  std::vector<PlacedRow> rows;
  int height = 0;

  // Index into rows of what lies at content height `y`; rows.size(): nothing.
  size_t at(int y) const;
  // Index into rows of a scene row; rows.size() when a folded parent hides it.
  size_t placeOf(uint32_t row) const;
};

// Which rows are folded, by scene row.
using FoldState = std::vector<bool>;
FoldState initialFolds(const Scene& scene);
RowLayout layoutRows(const Scene& scene, const FoldState& folded, const RowMetrics& metrics = {});

// The block at a content position; invalid when there is none within `tolerancePixels` of x.
struct TimeView;
BlockRef blockAt(const Scene& scene, const RowLayout& layout, const TimeView& view, double x, int y,
                 double tolerancePixels = 2);

}  // namespace caracal::ui
