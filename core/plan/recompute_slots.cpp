#include "core/plan/recompute_slots.h"

#include <algorithm>

namespace caracal::plan {
namespace {

// On-demand work starts out in the earliest on-demand slot; delayOnDemand() moves it later.
Slot windowSlot(WindowId window, const LayerGraph& graph, const SlotContext& context) {
  const Slot onPipe = context.gradientWait ? Slot::kPipe : Slot::kOnDemandMlp;
  switch (window) {
    case WindowId::kFwdAttn:
    case WindowId::kFwdMlp:
      if (!context.nextForward || !graph.hasHost(window)) return onPipe;
      return window == WindowId::kFwdAttn ? Slot::kFwdAttn : Slot::kFwdMlp;
    case WindowId::kPipe:
      return onPipe;
    case WindowId::kPrevBwdMlp:
    case WindowId::kPrevBwdAttn:
      if (context.above == nullptr || !context.above->hasHost(window)) return Slot::kOnDemandMlp;
      return window == WindowId::kPrevBwdMlp ? Slot::kPrevBwdMlp : Slot::kPrevBwdAttn;
    case WindowId::kOwnBwdMlp:
      return graph.hasHost(window) ? Slot::kOwnBwdMlp : Slot::kOnDemandMlp;
    case WindowId::kDataParallel:
      return Slot::kOnDemandMlp;
  }
  return Slot::kOnDemandMlp;
}

Slot wantedSlot(Placement placement, const LayerGraph& graph, const SlotContext& context) {
  if (!placement.runsAgain()) return Slot::kNone;
  if (placement.kind != PlacementKind::kWindow) return Slot::kOnDemandMlp;
  return windowSlot(placement.window, graph, context);
}

bool placedInOwnWindow(Placement placement) {
  return placement.kind == PlacementKind::kWindow && placement.window == WindowId::kOwnBwdMlp;
}

void runAfterInputs(const LayerGraph& graph, const std::vector<Placement>& placements,
                    std::vector<Slot>& slots) {
  for (int16_t i = 0; i < graph.size(); ++i) {
    if (slots[i] == Slot::kNone) continue;
    for (int16_t input : graph.operators[i].inputs) {
      if (input == kLayerInput) continue;
      // A tensor on the host is back for its layer's backward.
      if (placements[input].kind == PlacementKind::kOffload)
        slots[i] = std::max(slots[i], Slot::kOnDemandMlp);
      if (slots[input] != Slot::kNone) slots[i] = std::max(slots[i], slots[input]);
    }
    if (slots[i] == Slot::kOwnBwdMlp && !placedInOwnWindow(placements[i]))
      slots[i] = Slot::kOnDemandAttn;
  }
}

void delayOnDemand(const LayerGraph& graph, std::vector<Slot>& slots) {
  for (int16_t i = graph.last(); i >= 0; --i) {
    if (slots[i] != Slot::kOnDemandMlp) continue;
    const bool read = graph.operators[i].firstReader >= 0;
    const bool inMlp = read ? graph.readInMlpSegment(i) : i >= graph.mlpBegin;
    bool neededEarly = false;
    bool hasConsumer = false;
    for (int16_t consumer : graph.operators[i].consumers) {
      if (slots[consumer] == Slot::kNone) continue;
      hasConsumer = true;
      neededEarly |= slots[consumer] < Slot::kOnDemandAttn;
    }
    // A tensor only made for others follows them; one that nobody reads stays with its own segment.
    if (neededEarly || (inMlp && (read || !hasConsumer))) continue;
    slots[i] = Slot::kOnDemandAttn;
  }
}

}  // namespace

std::vector<Slot> recomputeSlots(const LayerGraph& graph, const std::vector<Placement>& placements,
                                 const SlotContext& context) {
  std::vector<Slot> slots(placements.size(), Slot::kNone);
  for (int16_t i = 0; i < graph.size(); ++i) slots[i] = wantedSlot(placements[i], graph, context);
  runAfterInputs(graph, placements, slots);
  delayOnDemand(graph, slots);
  return slots;
}

}  // namespace caracal::plan
