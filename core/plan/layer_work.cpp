#include "core/plan/layer_work.h"

#include <algorithm>
#include <utility>

#include "core/plan/recompute_hosts.h"

namespace caracal::plan {
namespace {

Result<Rebuilt> rebuiltOf(const StageShape& shape, int32_t layer, bool hosted) {
  const LayerGraph& graph = shape.graph(layer);
  const bool top = layer == shape.topLayer();
  const LayerGraph* above = top ? nullptr : &shape.graph(layer + 1);
  const auto slots =
      recomputeSlots(graph, shape.policy(layer).placements, {hosted, shape.linkedAfter(), above});
  const auto kindAt = [&](int32_t at) {
    return static_cast<int32_t>(shape.profile.layers[static_cast<size_t>(at)]);
  };
  Rebuilt rebuilt;
  rebuilt.hosts = recomputeHosts(shape, {kindAt(layer), top ? -1 : kindAt(layer + 1)}, slots);
  for (int16_t op = 0; op < graph.size(); ++op) {
    if (slots[op] == Slot::kNone) continue;
    if (slots[op] >= Slot::kOwnBwdMlp && graph.readInMlpSegment(op)) {
      return fail(ErrorCode::kInvalidInput,
                  "stage {} layer {}: `{}` would be rebuilt after the MLP segment whose "
                  "backward reads it; "
                  "move it, or what it is rebuilt from, to an earlier place",
                  shape.stage, layer, shape.operators(layer)[static_cast<size_t>(op)].id);
    }
    rebuilt[slots[op]].push_back(op);
  }
  return rebuilt;
}

// A unit of several layers is rebuilt at once, as one checkpointed function is.
void rebuildWhole(LayerWork& layer) {
  for (Rebuilt* rebuilt : {&layer.hosted, &layer.tail}) {
    auto& atStart = (*rebuilt)[Slot::kOnDemandMlp];
    auto& later = (*rebuilt)[Slot::kOnDemandAttn];
    atStart.insert(atStart.end(), later.begin(), later.end());
    std::sort(atStart.begin(), atStart.end());
    later.clear();
  }
}

void joinUnits(const StageShape& shape, std::vector<LayerWork>& layers) {
  for (size_t l = 0; l < layers.size(); ++l) {
    const int32_t layer = shape.firstLayer() + static_cast<int32_t>(l);
    layers[l].unitBegin = layer;
    if (shape.policy(layer).keepsInput) continue;
    rebuildWhole(layers[l - 1]);
    rebuildWhole(layers[l]);
    layers[l].unitBegin = std::exchange(layers[l - 1].unitBegin, kRebuiltAbove);
  }
}

// Recomputations from offloaded tensors are on demand or in own.bwd.mlp, for all micro-batches
// alike; `late`: those on demand before the attention segment.
Offloads offloadsOf(const StageShape& shape, int32_t layer, const std::vector<int16_t>& late) {
  const LayerGraph& graph = shape.graph(layer);
  const auto& placements = shape.policy(layer).placements;
  Offloads offloads;
  for (int16_t op = 0; op < graph.size(); ++op) {
    if (placements[static_cast<size_t>(op)].kind != PlacementKind::kOffload) continue;
    const auto& consumers = graph.operators[op].consumers;
    const bool early = std::any_of(consumers.begin(), consumers.end(), [&](int16_t consumer) {
      return placements[static_cast<size_t>(consumer)].runsAgain() &&
             std::find(late.begin(), late.end(), consumer) == late.end();
    });
    (early || graph.readInMlpSegment(op) ? offloads.mlp : offloads.attention).push_back(op);
  }
  return offloads;
}

}  // namespace

std::vector<int16_t> Offloads::all() const {
  std::vector<int16_t> tensors = mlp;
  tensors.insert(tensors.end(), attention.begin(), attention.end());
  return tensors;
}

Result<std::vector<LayerWork>> layerWorkOf(const StageShape& shape) {
  std::vector<LayerWork> layers;
  for (int32_t layer = shape.firstLayer(); layer <= shape.topLayer(); ++layer) {
    LayerWork& work = layers.emplace_back();
    CARACAL_TRY(hosted, rebuiltOf(shape, layer, true));
    CARACAL_TRY(tail, rebuiltOf(shape, layer, false));
    work.hosted = std::move(hosted);
    work.tail = std::move(tail);
  }
  joinUnits(shape, layers);
  for (size_t l = 0; l < layers.size(); ++l) {
    layers[l].offloads = offloadsOf(shape, shape.firstLayer() + static_cast<int32_t>(l),
                                    layers[l].tail[Slot::kOnDemandAttn]);
  }
  return layers;
}

}  // namespace caracal::plan
