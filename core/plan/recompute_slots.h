// When each recomputation of a layer really runs: a policy names windows, but a window may not
// exist for this layer or micro-batch. Shared by lowering and planning, so that both mean the same.
#pragma once

#include <vector>

#include "core/plan/layer_graph.h"
#include "core/plan/plan.h"

namespace caracal::plan {

// In time order for one layer and micro-batch: recomputation p before i requires slot(p) <=
// slot(i).
enum class Slot : uint8_t {
  kFwdAttn,
  kFwdMlp,
  kPipe,
  kPrevBwdMlp,
  kPrevBwdAttn,
  kOnDemandMlp,  // start of the layer's backward: before the MLP segment
  kOwnBwdMlp,
  kOnDemandAttn,  // after bwd.mlp: before the attention segment
  kNone,          // not recomputed
};

// Which windows exist for a layer at its place in the stage and a micro-batch at its place in the
// step.
struct SlotContext {
  bool nextForward =
      true;  // a later forward pass runs while this micro-batch waits (m + N_s - 1 < M, N_s > 1)
  bool gradientWait =
      true;  // the stage receives gradients: `pipe` exists (false on the last stage)
  const LayerGraph* above =
      nullptr;  // the layer whose backward runs just before; nullptr: top of the stage
};

// One slot per operator. A window that does not exist here is replaced: fwd.* by `pipe`, `pipe` by
// on demand, prev.* and own.bwd.mlp by on demand; what reads a replaced tensor moves behind it.
// On-demand work runs before the segment that first reads it or any recomputation made from it.
std::vector<Slot> recomputeSlots(const LayerGraph& graph, const std::vector<Placement>& placements,
                                 const SlotContext& context);

}  // namespace caracal::plan
