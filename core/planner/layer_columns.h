// LayerColumns: the policies of one layer that are worth mixing with others in a stage, as points
// of memory against time. What is left out costs no less time and takes no less memory than some
// point. The basis of heu+ and opt (stage_mix.h).
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/planner/column_windows.h"
#include "core/planner/mix_stop.h"
#include "core/planner/stage_model.h"

namespace caracal::planner {

struct Column {
  int64_t costNs = 0;  // per step
  // Lower bound on what the layer adds to the stage's fullest moment: every micro-batch in flight
  // but one, and that one too; of the top layer what its backward holds.
  int64_t bytes = 0;
  std::vector<plan::Placement> placements;
};

// How Column::bytes of the top layer is found: from the tensors that live at a few moments, or from
// its whole timeline, which sees what recomputation holds in passing and takes longer.
enum class TopMemory : uint8_t { kMoments, kTimeline };

// Memory of top layers from their timelines, which prices do not change: kept between calls for one
// stage model and kind.
using TopBytes = std::map<std::vector<char>, int64_t>;

// The columns by falling cost and rising memory; all there are, unless the search ended at its node
// limit or was stopped.
struct LayerColumns {
  // costNs as if the layers around it did the same: what it will cost, contention and order aside.
  std::vector<Column> plan;
};

// REQUIRES a kind that the stage holds.
LayerColumns layerColumns(const StageModel& model, int32_t kind, LayerRole role,
                          const ColumnPrices& prices, TopMemory topMemory, int64_t nodeLimit,
                          TopBytes& known, const MixStop& stop);

}  // namespace caracal::planner
