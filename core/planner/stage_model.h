// StageModel: pass lengths and peak memory of one stage under one policy per layer kind, exactly as
// the simulator would find them but without lowering the stage: layers alike are counted once.
// VariantTable (variant_table.h) does the same for layers that differ.
//
// Everything is derived from the same operator graphs, recompute slots, overlap clock and tensor
// sizes that lowering and simulation use; tests hold the two equal over random policies.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/plan/overlap_clock.h"
#include "core/plan/recompute_slots.h"
#include "core/plan/stage_shape.h"
#include "core/planner/layer_timeline.h"
#include "core/planner/pipeline_time.h"

namespace caracal::planner {

// Placements per layer kind of the profile; kinds that the stage does not hold may be empty.
// REQUIRES of a layer's last operator that no window rebuilds it: until the layer's backward its
// output is there anyway, as the checkpoint of the layer above.
using KindPolicies = std::vector<std::vector<plan::Placement>>;

inline constexpr int32_t kNoKind = -1;

// Layers of the stage that have the same kind and the same neighbours.
struct LayerClass {
  int32_t kind = 0;
  int32_t above = kNoKind;  // kind of the layer whose backward runs just before
  int32_t below = kNoKind;
  int64_t count = 0;
  bool sameAs(const LayerClass& other) const {
    return kind == other.kind && above == other.above && below == other.below;
  }
};

// A layer's policy at its place in the stage: when everything runs, and what that costs apart from
// the backward collectives it shares with its neighbours. Nanoseconds per micro-batch.
struct LayerVariant {
  int32_t kind = 0;
  int32_t above = kNoKind;
  Recomputations steady;       // micro-batches with a next forward
  Recomputations tail;         // the last N_s - 1; all when N_s = 1
  int64_t forwardExtraNs = 0;  // overflow of a filled forward's windows
  int64_t onDemandNs = 0;
  int64_t pipeNs = 0, pipeTailNs = 0;
};

// Memory phases of a layer's micro-batches with a next forward, and of the others.
struct VariantBytes {
  LayerTimeline steady, tail;
};

// Highest memory by what can change it.
struct StagePeaks {
  int64_t early = 0;     // while `fwd.*` and `pipe` work runs: early placements alone
  int64_t coolDown = 0;  // the same for the last micro-batches, where all of it runs in `pipe`
  int64_t late = 0;      // backward: all that is kept or rebuilt early, and late placements
  int64_t lateTop = 0;   // of that, the top layer by itself: `prev.*` placements do not change it
  // Held when the top layer's backward begins, and the highest since the gradient arrived: early
  // placements alone.
  int64_t topBegin = 0, topBeginPeak = 0;
  int64_t bytes() const { return std::max({early, coolDown, late}); }
};

using ResolvedPolicies = std::vector<LayerVariant>;  // per layer class

class StageModel {
 public:
  // REQUIRES that profile, graphs and plan behind `shape` outlive this; of the plan only firstLayer
  // and the number of layers are used.
  explicit StageModel(const plan::StageShape& shape);

  const plan::StageShape& shape() const { return m_shape; }
  int32_t inFlight() const { return m_shape.inFlight(); }
  int32_t microBatches() const { return m_shape.profile.parallel.microBatches; }
  // Micro-batches with a next forward, and without.
  int64_t steadyCount() const { return m_shape.hosted(); }
  int64_t tailCount() const { return microBatches() - steadyCount(); }
  const std::vector<LayerClass>& classes() const { return m_classes; }
  int64_t layersOfKind(int32_t kind) const { return m_layersOfKind[static_cast<size_t>(kind)]; }
  // Pass lengths without recomputation.
  const PassTimes& plainTimes() const { return m_plain; }
  // What the stage holds apart from tensors: static memory, workspace and reserve.
  int64_t baseBytes() const { return m_baseBytes; }

  ResolvedPolicies resolve(const KindPolicies& policies) const;
  PassTimes passTimes(const ResolvedPolicies& resolved) const;
  StagePeaks peaks(const KindPolicies& policies, const ResolvedPolicies& resolved) const;
  int64_t peakBytes(const KindPolicies& policies, const ResolvedPolicies& resolved) const {
    return peaks(policies, resolved).bytes();
  }

  // `above`: kind of the layer above, kNoKind at the top of the stage.
  LayerVariant variantOf(int32_t kind, int32_t above,
                         const std::vector<plan::Placement>& placements) const;
  VariantBytes bytesOf(const LayerVariant& variant,
                       const std::vector<plan::Placement>& placements) const;
  // bytesOf(variantOf(...)).steady alone.
  LayerTimeline steadyTimeline(int32_t kind, int32_t above,
                               const std::vector<plan::Placement>& placements) const;
  // By how much a layer's backward collectives take longer for what it and the layer below (null:
  // none) rebuild beside them.
  int64_t backwardOverflowNs(const LayerVariant& layer, const LayerVariant* below) const;
  // StagePeaks::late of the micro-batches with a next forward, given what comes before (`begin`),
  // and the top layer and those below, which are alike.
  int64_t backwardPeak(const StagePeaks& begin, const LayerTimeline& top,
                       const LayerTimeline& below) const;
  // Of layers given one by one, bottom first.
  StagePeaks peaks(const std::vector<const VariantBytes*>& layers) const;

  // Capacity of the collectives of a layer of this kind that host such placements, summed; 0 when
  // it has none.
  int64_t windowNs(int32_t kind, plan::WindowId host) const;
  // By how much the collectives of a forward take longer for what a layer rebuilds beside them.
  int64_t forwardExtraNs(int32_t kind, const Recomputations& rebuilt) const;
  const plan::Contention& contention() const { return m_contention; }

 private:
  void classifyLayers();
  void sumPlainTimes();
  int64_t slotNs(int32_t kind, const Recomputations& rebuilt, plan::Slot slot) const;
  void runBeside(int8_t host, int32_t kind, const Recomputations& rebuilt,
                 std::initializer_list<plan::Slot> slots, plan::OverlapClock& clock) const;
  LayerTimeline timelineOf(int32_t kind, int32_t above, const Recomputations& rebuilt,
                           const std::vector<plan::Placement>& placements) const;
  Recomputations recomputations(int32_t kind, int32_t above,
                                const std::vector<plan::Placement>& placements,
                                bool nextForward) const;
  size_t classBelow(size_t layerClass) const;

  plan::StageShape m_shape;
  plan::Contention m_contention;
  std::vector<LayerClass> m_classes;
  std::vector<uint32_t> m_classOf;  // per layer of the stage, bottom first
  std::vector<int64_t> m_layersOfKind;
  PassTimes m_plain;
  int64_t m_baseBytes = 0;
  EndTimeline m_firstEnd, m_lastEnd;  // empty where the stage has no such end
};

}  // namespace caracal::planner
