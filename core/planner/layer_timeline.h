// LayerTimeline: the memory of one layer's tensors of one micro-batch, phase by phase. The phases
// of many layers and micro-batches put together in schedule order give a stage's memory over time.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/plan/layer_graph.h"
#include "core/plan/recompute_slots.h"
#include "core/profile/profile.h"

namespace caracal::planner {

// In time order for one layer and micro-batch.
enum class Phase : uint8_t {
  kForward0,  // up to the Start of fwd.attn
  kForward1,  // up to the Start of fwd.mlp
  kForward2,
  kFwdAttn,
  kFwdMlp,
  kPipe,
  kPrevBwdMlp,
  kPrevBwdAttn,
  kBackwardMlp,  // on-demand work and the MLP segment
  kOwnBwdMlp,
  kBackwardAttn0,  // on-demand work and the attention segment up to bwd.attn
  kBackwardAttn1,
  kCount
};

// Bytes relative to the phase's start: the highest, and what is left at its end.
struct PhaseBytes {
  int64_t peak = 0;
  int64_t net = 0;
};

struct LayerTimeline {
  std::array<PhaseBytes, static_cast<size_t>(Phase::kCount)> phases{};
  // The layer's output while it serves the next layer (or the send): released from outside at the
  // end of that use, unless the layer's own backward reads it, which is then counted in the phases.
  int64_t outputBytes = 0;
  Phase lastBackward = Phase::kBackwardAttn1;  // at whose end the layer's input is released

  const PhaseBytes& operator[](Phase phase) const { return phases[static_cast<size_t>(phase)]; }
};

// The layer's input belongs to the layer below.
LayerTimeline layerTimeline(const profile::LayerKind& kind, const plan::LayerGraph& graph,
                            const std::vector<plan::Slot>& slots,
                            const std::vector<plan::Placement>& placements);

// kFirstEnd and kLastEnd: forward and backward.
struct EndTimeline {
  PhaseBytes forward, backward;
};
EndTimeline firstEndTimeline(const profile::ModelEnd& end, const plan::LayerGraph& graph,
                             int64_t activationBytes);
EndTimeline lastEndTimeline(const profile::ModelEnd& end, const plan::LayerGraph& graph);

}  // namespace caracal::planner
