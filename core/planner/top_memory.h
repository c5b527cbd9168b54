// TopMemory: what a stage's top layer adds to the stage's fullest moment, by its whole timeline.
#pragma once

#include <cstdint>
#include <vector>

#include "core/planner/stage_model.h"

namespace caracal::planner {

// Bytes of a top layer with these placements, of all micro-batches in flight, while its backward
// runs; what the layer below rebuilds meanwhile comes on top. `waits`: the stage may rebuild in
// `pipe`; then what its forward pass takes is left out, because others' early work is not there
// yet.
int64_t topLayerBytes(const StageModel& model, int32_t kind, bool waits,
                      const std::vector<plan::Placement>& placements);

}  // namespace caracal::planner
