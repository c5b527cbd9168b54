// StageShape: one stage of a plan (a chunk of the model) with everything looked up that lowering,
// simulation and planning ask for per item; DeviceShape: all the chunks that one device holds. Both
// hold references and must not outlive the profile and plan.
#pragma once

#include <vector>

#include "core/plan/layer_graph.h"
#include "core/plan/plan.h"
#include "core/plan/program.h"
#include "core/profile/profile.h"

namespace caracal::plan {

// The graphs of every kind and of both ends; one per profile.
struct ProfileGraphs {
  explicit ProfileGraphs(const profile::Profile& profile)
      : first(graphOf(profile.first)), last(graphOf(profile.last)) {
    for (const profile::LayerKind& kind : profile.kinds) kinds.push_back(graphOf(kind));
  }
  std::vector<LayerGraph> kinds;
  LayerGraph first, last;
};

struct StageShape {
  const profile::Profile& profile;
  const ProfileGraphs& graphs;
  const StagePlan& plan;
  int32_t stage = 0;
  int32_t stages = 1;
  // Set by deviceShape() and chunkShapes() for schedules other than 1F1B.
  int32_t microBatchesInFlight = 0;  // N_s; 0: that of 1F1B
  bool inputIsLocal = false;   // the stage before is on the same device: its output is the input
  bool outputIsLocal = false;  // the stage after is on the same device
  int32_t microBatchesHosted = -1;  // -1: as many as in 1F1B
  bool splitBackward = false;       // weight gradients are passes of their own

  int32_t firstLayer() const { return plan.firstLayer; }
  int32_t topLayer() const { return plan.firstLayer + plan.layerCount() - 1; }
  bool isFirst() const { return stage == 0; }
  bool isLast() const { return stage == stages - 1; }
  // Activations and gradients that come from and go to another device.
  bool linkedBefore() const { return !isFirst() && !inputIsLocal; }
  bool linkedAfter() const { return !isLast() && !outputIsLocal; }
  // N_s: micro-batches between their forward and their backward at once.
  int32_t inFlight() const {
    if (microBatchesInFlight > 0) return microBatchesInFlight;
    const int32_t depth = stages - stage;
    return depth < profile.parallel.microBatches ? depth : profile.parallel.microBatches;
  }

  // Micro-batches whose `fwd.*` recomputations the forward of another one hides.
  int32_t hosted() const {
    if (microBatchesHosted >= 0) return microBatchesHosted;
    return inFlight() > 1 ? profile.parallel.microBatches - inFlight() + 1 : 0;
  }
  // Whether only weight gradients read what a collective gathers: in a split backward it runs in
  // their pass. With context-parallel ranks it moves gradients of keys and values as well.
  bool gathersForWeights(const profile::Window& window) const {
    return splitBackward && profile.parallel.context == 1 && window.gathersAgain();
  }
  // How long a collective of a layer leaves compute free. In a split backward all of its transfer,
  // for the weight gradient that overlaps it otherwise runs elsewhere, or, where the collective
  // does too, nothing.
  int64_t windowNs(const profile::Window& window) const {
    if (gathersForWeights(window)) return 0;
    return splitBackward && window.ofBackward() ? window.transferNs : window.capacityNs();
  }

  const LayerGraph& graph(int32_t layer) const {
    if (layer == kFirstEnd) return graphs.first;
    if (layer == kLastEnd) return graphs.last;
    return graphs.kinds[profile.layers[static_cast<size_t>(layer)]];
  }
  const std::vector<profile::Operator>& operators(int32_t layer) const {
    if (layer == kFirstEnd) return profile.first.operators;
    if (layer == kLastEnd) return profile.last.operators;
    return profile.kindOf(layer).operators;
  }
  const LayerPolicy& policy(int32_t layer) const {
    return plan.layers[static_cast<size_t>(layer - plan.firstLayer)];
  }
  TensorRef layerOutput(int32_t layer, int32_t microBatch) const {
    return {layer, graph(layer).last(), microBatch};
  }
  // What a layer, or kLastEnd, starts from. REQUIRES layer != kFirstEnd.
  TensorRef layerInput(int32_t layer, int32_t microBatch) const {
    if (layer == kLastEnd) return layerOutput(topLayer(), microBatch);
    if (layer == firstLayer() && !inputIsLocal) return {layer, -1, microBatch};
    return layerOutput(layer - 1, microBatch);
  }
};

struct DeviceShape {
  int32_t device = 0;
  std::vector<StageShape> chunks;  // in model order, as StageProgram::chunks

  // Place of a chunk in `chunks`. REQUIRES a chunk of this device.
  size_t slotOf(int32_t chunk) const {
    size_t slot = 0;
    while (chunks[slot].stage != chunk) ++slot;
    return slot;
  }
  const StageShape& of(const Item& item) const { return chunks[slotOf(item.chunk)]; }
};

inline DeviceShape deviceShape(const profile::Profile& profile, const ProfileGraphs& graphs,
                               const Plan& plan, const StageProgram& program) {
  DeviceShape device{program.stage, {}};
  for (const HeldChunk& held : program.chunks) {
    device.chunks.push_back({profile, graphs, plan.stages[static_cast<size_t>(held.chunk)],
                             held.chunk, static_cast<int32_t>(plan.stages.size()), held.inFlight,
                             held.before == program.stage, held.after == program.stage, held.hosted,
                             program.splitBackward});
  }
  return device;
}

}  // namespace caracal::plan
