#include "core/planner/window_use.h"

namespace caracal::planner {
namespace {

using plan::Slot;
using plan::WindowId;

std::vector<Slot> slotsOf(const plan::StageShape& shape, int32_t layer) {
  plan::SlotContext context;
  context.nextForward = shape.hosted() > 0;
  context.gradientWait = shape.linkedAfter();
  context.above = layer < shape.topLayer() ? &shape.graph(layer + 1) : nullptr;
  return plan::recomputeSlots(shape.graph(layer), shape.policy(layer).placements, context);
}

int64_t slotNs(const plan::StageShape& shape, int32_t layer, const std::vector<Slot>& slots,
               Slot slot) {
  int64_t total = 0;
  for (size_t op = 0; op < slots.size(); ++op) {
    if (slots[op] == slot) total += shape.operators(layer)[op].forwardNs;
  }
  return total;
}

WindowLoad hosted(const plan::StageShape& shape, int32_t layer, WindowId window) {
  WindowLoad load;
  const int8_t host = shape.graph(layer).hosts[static_cast<size_t>(window)];
  load.exists = host >= 0;
  if (load.exists) {
    load.capacityNs =
        shape.windowNs(shape.profile.kindOf(layer).windows[static_cast<size_t>(host)]);
  }
  return load;
}

}  // namespace

WindowUse::WindowUse(const plan::StageShape& shape, int32_t layer)
    : m_slots(slotsOf(shape, layer)) {
  const auto at = [&](WindowId window) -> WindowLoad& {
    return m_loads[static_cast<size_t>(window)];
  };
  if (shape.hosted() > 0) {
    at(WindowId::kFwdAttn) = hosted(shape, layer, WindowId::kFwdAttn);
    at(WindowId::kFwdMlp) = hosted(shape, layer, WindowId::kFwdMlp);
    at(WindowId::kFwdAttn).usedNs = slotNs(shape, layer, m_slots, Slot::kFwdAttn);
    at(WindowId::kFwdMlp).usedNs = slotNs(shape, layer, m_slots, Slot::kFwdMlp);
  }
  at(WindowId::kOwnBwdMlp) = hosted(shape, layer, WindowId::kOwnBwdMlp);
  at(WindowId::kOwnBwdMlp).usedNs = slotNs(shape, layer, m_slots, Slot::kOwnBwdMlp);
  if (layer > shape.firstLayer()) {
    at(WindowId::kOwnBwdMlp).usedNs +=
        slotNs(shape, layer - 1, slotsOf(shape, layer - 1), Slot::kPrevBwdMlp);
  }
  if (layer == shape.topLayer()) return;
  const std::vector<Slot> above = slotsOf(shape, layer + 1);
  at(WindowId::kPrevBwdMlp) = hosted(shape, layer + 1, WindowId::kPrevBwdMlp);
  at(WindowId::kPrevBwdMlp).usedNs = slotNs(shape, layer, m_slots, Slot::kPrevBwdMlp) +
                                     slotNs(shape, layer + 1, above, Slot::kOwnBwdMlp);
  at(WindowId::kPrevBwdAttn) = hosted(shape, layer + 1, WindowId::kPrevBwdAttn);
  at(WindowId::kPrevBwdAttn).usedNs = slotNs(shape, layer, m_slots, Slot::kPrevBwdAttn);
}

}  // namespace caracal::planner
