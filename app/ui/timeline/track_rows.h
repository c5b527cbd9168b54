// Rows of one rank from the tracks of a trace; internal to the scene builder.
#pragma once

#include <vector>

#include "app/ui/timeline/scene.h"

namespace caracal::ui {

// Colour of a pass; neighbouring micro-batches alternate in shade, so that two in a row read as
// two.
BlockStyle passStyle(trace::Pass pass, int32_t microBatch);

// GPU streams first, then lanes of schedules, then host threads by how much they did; python calls
// and instants in folded rows of their own. `prototype` gives run, rank, parent and depth.
std::vector<Row> trackRows(const SceneRun& run, uint32_t rankIndex, const Row& prototype);

}  // namespace caracal::ui
