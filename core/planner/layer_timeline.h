// LayerTimeline: the memory of one layer's tensors of one micro-batch, phase by phase. The phases
// of many layers and micro-batches put together in schedule order give a stage's memory over time.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/layer_graph.h"
#include "core/plan/recompute_slots.h"
#include "core/profile/profile.h"

namespace caracal::planner {

// Bytes relative to the phase's start: the highest, and what is left at its end.
struct PhaseBytes {
  int64_t peak = 0;
  int64_t net = 0;
  bool operator==(const PhaseBytes&) const = default;
};

// The phases of a layer and micro-batch in time order. Collectives cut the layer's own passes into
// pieces; what is rebuilt beside a collective of another pass or layer is a phase by itself.
class LayerTimeline {
 public:
  LayerTimeline(const plan::LayerGraph& graph, const plan::LayerGraph* above)
      : m_forwardWindows(graph.forwardWindows.size()),
        m_backwardWindows(graph.backwardWindows.size()),
        m_aboveWindows(above == nullptr ? 0 : above->backwardWindows.size()),
        m_phases(ownIndex() + 1) {}

  size_t forwardWindows() const { return m_forwardWindows; }
  size_t backwardWindows() const { return m_backwardWindows; }
  size_t aboveWindows() const { return m_aboveWindows; }

  // Phases by index, in the order of their time; only own() is somewhere between pieces of
  // backward.
  size_t forwardIndex(size_t piece) const { return piece; }  // 0..forwardWindows()
  size_t besideForwardIndex(size_t window) const { return m_forwardWindows + 1 + window; }
  size_t pipeIndex() const { return 2 * m_forwardWindows + 1; }
  size_t besideAboveIndex(size_t window) const { return pipeIndex() + 1 + window; }
  size_t backwardIndex(size_t piece) const { return besideAboveIndex(m_aboveWindows) + piece; }
  size_t ownIndex() const { return backwardIndex(m_backwardWindows + 1); }

  PhaseBytes& at(size_t index) { return m_phases[index]; }
  const PhaseBytes& forward(size_t piece) const { return m_phases[forwardIndex(piece)]; }
  // Beside the collectives of another micro-batch's forward, and of the backward of the layer
  // above.
  const PhaseBytes& besideForward(size_t window) const {
    return m_phases[besideForwardIndex(window)];
  }
  const PhaseBytes& pipe() const { return m_phases[pipeIndex()]; }
  const PhaseBytes& besideAbove(size_t window) const { return m_phases[besideAboveIndex(window)]; }
  // On-demand work and the layer's backward.
  const PhaseBytes& backward(size_t piece) const { return m_phases[backwardIndex(piece)]; }
  // Beside the layer's own bwd.mlp, which is backward window ownWindow.
  const PhaseBytes& own() const { return m_phases[ownIndex()]; }

  // Bytes that the forward pass leaves, and early work (`fwd.*`, `pipe`) adds.
  int64_t forwardNet() const;
  int64_t earlyNet() const;
  // Highest above what is there when the layer's backward begins, up to where its input is
  // released.
  int64_t backwardPeak() const;

  // The layer's output while it serves the next layer (or the send): released from outside at the
  // end of that use, unless the layer's own backward reads it, which is then counted in the phases.
  int64_t outputBytes = 0;
  size_t lastBackward = 0;  // the piece of backward at whose end the layer's input is released
  size_t ownWindow = 0;     // without one: the number of backward windows

 private:
  size_t m_forwardWindows, m_backwardWindows, m_aboveWindows;
  std::vector<PhaseBytes> m_phases;
};

// A layer's recomputations: when each runs, and beside which collective (recompute_hosts.h).
struct Recomputations {
  std::vector<plan::Slot> slots;
  std::vector<int8_t> hosts;
  bool operator==(const Recomputations&) const = default;
};

// The layer's input belongs to the layer below. `above`: nullptr at the top of the stage.
LayerTimeline layerTimeline(const profile::LayerKind& kind, const plan::LayerGraph& graph,
                            const plan::LayerGraph* above, const Recomputations& rebuilt,
                            const std::vector<plan::Placement>& placements);

// kFirstEnd and kLastEnd: forward and backward.
struct EndTimeline {
  PhaseBytes forward, backward;
};
EndTimeline firstEndTimeline(const profile::ModelEnd& end, const plan::LayerGraph& graph,
                             int64_t activationBytes);
EndTimeline lastEndTimeline(const profile::ModelEnd& end, const plan::LayerGraph& graph);

}  // namespace caracal::planner
