// StageShape: one stage of a plan with everything looked up that lowering, simulation and planning
// ask for per item. Holds references; must not outlive the profile and plan.
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

  int32_t firstLayer() const { return plan.firstLayer; }
  int32_t topLayer() const { return plan.firstLayer + plan.layerCount() - 1; }
  bool isFirst() const { return stage == 0; }
  bool isLast() const { return stage == stages - 1; }
  // N_s of 1F1B: micro-batches between their forward and their backward at once.
  int32_t inFlight() const {
    const int32_t depth = stages - stage;
    return depth < profile.parallel.microBatches ? depth : profile.parallel.microBatches;
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
    if (layer == firstLayer()) return {layer, -1, microBatch};
    return layerOutput(layer - 1, microBatch);
  }
};

}  // namespace caracal::plan
