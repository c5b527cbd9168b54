#include "core/plan/layer_check.h"

#include <algorithm>

#include "core/plan/layer_graph.h"
#include "core/plan/plan.h"
#include "core/plan/recompute_slots.h"
#include "core/plan/refusal.h"

namespace caracal::plan {
namespace {

using profile::LayerKind;
using profile::Operator;
using profile::Profile;

// A layer as the checks below see it: what it is, what was chosen, and how a message calls it.
struct LayerView {
  const StageShape& stage;
  int32_t layer = 0;  // global

  const Profile& profile() const { return stage.profile; }
  const LayerKind& kind() const { return profile().kindOf(layer); }
  const LayerGraph& graph() const { return stage.graph(layer); }
  const LayerPolicy& policy() const { return stage.policy(layer); }
  Placement placement(int16_t op) const { return policy().placements[static_cast<size_t>(op)]; }
  const Operator& tensor(int16_t op) const { return kind().operators[static_cast<size_t>(op)]; }
  // The layer whose backward runs just before this one's; the stage's top layer has none.
  bool hasAbove() const { return layer < stage.topLayer(); }
  std::string where() const { return fmt::format("stage {}, layer {}", stage.stage, layer); }
  std::string where(int16_t op) const { return fmt::format("{}, {}", where(), tensor(op).id); }
};

bool ofLayerAbove(WindowId window) {
  return window == WindowId::kPrevBwdMlp || window == WindowId::kPrevBwdAttn;
}

bool ofNextForward(WindowId window) {
  return window == WindowId::kFwdAttn || window == WindowId::kFwdMlp;
}

Result<void> checkWindow(const LayerView& view, int16_t op) {
  const WindowId window = view.placement(op).window;
  if (window == WindowId::kPipe)
    return {};  // where no gradient is waited for, it is on demand and charged
  if (window == WindowId::kDataParallel) {
    return refused(
        view.where(op),
        "the data-parallel window (dp) hides nothing: compute waits for a reduction only "
        "after the last backward, when nothing is left to rebuild; choose another window "
        "or onDemand",
        ErrorCode::kUnsupported);
  }
  // A stage's top layer has no layer above; it may use that policy all the same and pays for it.
  const int32_t owner = ofLayerAbove(window) && view.hasAbove() ? view.layer + 1 : view.layer;
  if (!view.stage.graph(owner).hasHost(window)) {
    return refused(
        view.where(op),
        fmt::format("there is no window {}: layers of kind \"{}\" have no such collective "
                    "(tensor-parallel size {}); retain the tensor or recompute it onDemand",
                    name(window), view.profile().kindOf(owner).id, view.profile().parallel.tensor));
  }
  if (ofNextForward(window) && view.stage.inFlight() == 1) {
    return refused(
        view.where(op),
        fmt::format("there is no window {} on stage {}: with one micro-batch in flight no forward "
                    "pass lies "
                    "between a forward and its backward; choose a backward window or onDemand",
                    name(window), view.stage.stage));
  }
  return {};
}

Result<void> checkOffload(const LayerView& view, int16_t op) {
  if (view.profile().hostLink.bytesPerSecond <= 0) {
    return refused(view.where(op),
                   "is offloaded, but the profile does not know the link to host memory; add "
                   "links.host to it, or retain or recompute the tensor",
                   ErrorCode::kUnsupported);
  }
  if (op != view.graph().last()) return {};
  return refused(view.where(op),
                 "is offloaded, but the layer's output is the input of the layer above and stays; "
                 "retain or discard it");
}

Result<void> checkPlacement(const LayerView& view, int16_t op) {
  switch (view.placement(op).kind) {
    case PlacementKind::kOffload:
      return checkOffload(view, op);
    case PlacementKind::kDiscarded:
      if (!view.tensor(op).needed()) return {};
      return refused(
          view.where(op),
          fmt::format("is discarded, but the backward of {} reads it; retain or recompute it",
                      fmt::join(view.tensor(op).savedFor, ", ")));
    case PlacementKind::kWindow:
      return checkWindow(view, op);
    case PlacementKind::kRepeated:
      if (!view.graph().operators[op].collective) return {};
      return refused(view.where(op),
                     "is a collective, and a collective that is kept is not repeated; retain it or "
                     "recompute it");
    case PlacementKind::kRetained:
    case PlacementKind::kOnDemand:
      return {};
  }
  return {};
}

Result<void> checkInputs(const LayerView& view, int16_t op) {
  for (const int16_t input : view.graph().operators[op].inputs) {
    if (input == kLayerInput) continue;  // kept, or rebuilt with its recompute unit (checkUnit)
    const Placement have = view.placement(input);
    if (have.kept() || have.recomputed()) continue;
    const std::string& id = view.tensor(input).id;
    if (have.kind == PlacementKind::kOffload) {
      const Placement own = view.placement(op);
      if (own.kind != PlacementKind::kWindow || own.window == WindowId::kOwnBwdMlp) continue;
      return refused(
          view.where(op),
          fmt::format("is recomputed ({}) from {}, which is on the host until the layer's "
                      "backward; recompute it onDemand or retain {}",
                      toText(own), id, id));
    }
    return refused(view.where(op),
                   fmt::format("is recomputed ({}) from {}, which is {}; retain or recompute {}",
                               toText(view.placement(op)), id, toText(have), id));
  }
  return {};
}

// The time of a window among the places of a layer's recomputations.
Slot slotOf(WindowId window) {
  switch (window) {
    case WindowId::kFwdAttn:
      return Slot::kFwdAttn;
    case WindowId::kFwdMlp:
      return Slot::kFwdMlp;
    case WindowId::kPipe:
      return Slot::kPipe;
    case WindowId::kPrevBwdMlp:
      return Slot::kPrevBwdMlp;
    case WindowId::kPrevBwdAttn:
      return Slot::kPrevBwdAttn;
    case WindowId::kOwnBwdMlp:
    case WindowId::kDataParallel:
      return Slot::kOwnBwdMlp;
  }
  return Slot::kNone;
}

// The input of `op` that is rebuilt last: the one to blame when `op` cannot run where it was put.
int16_t latestInput(const LayerView& view, int16_t op, const std::vector<Slot>& slots) {
  int16_t latest = kLayerInput;
  for (const int16_t input : view.graph().operators[op].inputs) {
    if (input == kLayerInput || slots[input] == Slot::kNone) continue;
    if (latest == kLayerInput || slots[input] > slots[latest]) latest = input;
  }
  return latest;
}

// Each recomputation finds its inputs in time, and is in time itself. Lowering moves a
// recomputation behind its inputs; a plan in which one has to move, although every window exists,
// is in no order.
Result<void> checkOrder(const LayerView& view) {
  for (int16_t op = 0; op < view.graph().size(); ++op) {
    if (view.placement(op).runsAgain()) CARACAL_CHECK_OK(checkInputs(view, op));
  }
  SlotContext everyWindow;
  everyWindow.above = view.hasAbove() ? &view.stage.graph(view.layer + 1) : &view.graph();
  const std::vector<Slot> slots =
      recomputeSlots(view.graph(), view.policy().placements, everyWindow);
  for (int16_t op = 0; op < view.graph().size(); ++op) {
    const Placement placement = view.placement(op);
    if (!placement.recomputed()) continue;
    const bool moved =
        placement.kind == PlacementKind::kWindow && slots[op] != slotOf(placement.window);
    const bool late = view.tensor(op).needed() && view.graph().readInMlpSegment(op) &&
                      slots[op] > Slot::kOnDemandMlp;
    if (late && placement == Placement{PlacementKind::kWindow, WindowId::kOwnBwdMlp}) {
      return refused(view.where(op),
                     "own.bwd.mlp comes after the backward of the MLP segment, which reads this "
                     "tensor; choose an "
                     "earlier window or onDemand");
    }
    if (!moved && !late) continue;
    const int16_t input = latestInput(view, op, slots);
    const std::string id = input == kLayerInput ? "the layer's input" : view.tensor(input).id;
    const std::string when = input == kLayerInput ? "not there" : toText(view.placement(input));
    return refused(
        view.where(op),
        fmt::format(
            "is recomputed ({}) from {}, which is there only later ({}); recompute {} no later or "
            "retain it",
            toText(placement), id, when, id));
  }
  return {};
}

bool allOnDemand(const LayerPolicy& policy) {
  return std::all_of(policy.placements.begin(), policy.placements.end(), [](Placement placement) {
    return placement.kind == PlacementKind::kOnDemand ||
           placement.kind == PlacementKind::kDiscarded;
  });
}

// A layer without its input belongs to a recompute unit with the layer before it.
Result<void> checkUnit(const LayerView& view) {
  if (view.policy().keepsInput) return {};
  if (view.layer == view.stage.firstLayer()) {
    return refused(view.where(),
                   "does not keep its input, and no layer of its stage could rebuild it; keep it");
  }
  const LayerPolicy& before = view.stage.policy(view.layer - 1);
  if (!allOnDemand(view.policy()) || !allOnDemand(before)) {
    return refused(
        view.where(),
        "does not keep its input, so it and the layer before it must be recomputed whole, "
        "on demand");
  }
  if (before.placements.back().kind != PlacementKind::kOnDemand) {
    return refused(
        view.where(),
        fmt::format(
            "does not keep its input, but layer {} does not recompute its output; place {} of that "
            "layer onDemand, or keep the input",
            view.layer - 1, view.profile().kindOf(view.layer - 1).operators.back().id));
  }
  return {};
}

}  // namespace

Result<void> checkLayer(const StageShape& stage, int32_t layer) {
  const LayerView view{stage, layer};
  const size_t operators = view.kind().operators.size();
  if (view.policy().placements.size() != operators) {
    return refused(view.where(),
                   fmt::format("places {} tensors, but layers of kind \"{}\" have {} operators",
                               view.policy().placements.size(), view.kind().id, operators));
  }
  for (int16_t op = 0; op < view.graph().size(); ++op) CARACAL_CHECK_OK(checkPlacement(view, op));
  CARACAL_CHECK_OK(checkOrder(view));
  return checkUnit(view);
}

}  // namespace caracal::plan
