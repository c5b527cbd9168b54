#include "core/planner/window_use.h"

#include <algorithm>

#include "core/plan/recompute_hosts.h"

namespace caracal::planner {
namespace {

using plan::Slot;
using plan::WindowId;

// What a layer rebuilds, and beside which collectives.
struct LayerWork {
  const plan::StageShape& shape;
  int32_t layer = 0;
  std::vector<Slot> slots;
  std::vector<int8_t> hosts;

  LayerWork(const plan::StageShape& stage, int32_t index) : shape(stage), layer(index) {
    const bool top = layer == shape.topLayer();
    plan::SlotContext context;
    context.nextForward = shape.hosted() > 0;
    context.gradientWait = shape.linkedAfter();
    context.above = top ? nullptr : &shape.graph(layer + 1);
    slots = plan::recomputeSlots(shape.graph(layer), shape.policy(layer).placements, context);
    const auto kindAt = [&](int32_t at) {
      return static_cast<int32_t>(shape.profile.layers[static_cast<size_t>(at)]);
    };
    hosts = plan::recomputeHosts(shape, {kindAt(layer), top ? -1 : kindAt(layer + 1)}, slots);
  }

  int64_t besideNs(int8_t host, std::initializer_list<Slot> wanted) const {
    int64_t total = 0;
    for (size_t op = 0; op < slots.size(); ++op) {
      const bool isWanted = std::find(wanted.begin(), wanted.end(), slots[op]) != wanted.end();
      if (isWanted && hosts[op] == host) total += shape.operators(layer)[op].forwardNs;
    }
    return total;
  }
};

// `usedNs(window)`: of one of the layer's collectives.
template <class UsedNs>
WindowLoad loadOf(const plan::StageShape& shape, int32_t layer, WindowId id, const UsedNs& usedNs) {
  WindowLoad load;
  for (const int8_t window : shape.graph(layer).hostsOf(id)) {
    const int64_t capacity =
        shape.windowNs(shape.profile.kindOf(layer).windows[static_cast<size_t>(window)]);
    const int64_t used = usedNs(window);
    load.exists = true;
    load.capacityNs += capacity;
    load.usedNs += used;
    load.roomNs += std::max<int64_t>(0, capacity - used);
    load.overflowNs += std::max<int64_t>(0, used - capacity);
  }
  return load;
}

}  // namespace

WindowUse::WindowUse(const plan::StageShape& shape, int32_t layer) {
  const LayerWork own(shape, layer);
  m_slots = own.slots;
  const auto set = [&](WindowId id, int32_t owner, const auto& usedNs) {
    m_loads[static_cast<size_t>(id)] = loadOf(shape, owner, id, usedNs);
  };
  // Beside a backward collective of a layer; `below`: nullptr at the stage's bottom.
  const auto inBackward = [](const LayerWork& of, const LayerWork* below) {
    return [&of, below](int8_t window) {
      const int64_t belowNs =
          below == nullptr ? 0 : below->besideNs(window, {Slot::kPrevBwdMlp, Slot::kPrevBwdAttn});
      return of.besideNs(window, {Slot::kOwnBwdMlp}) + belowNs;
    };
  };
  if (shape.hosted() > 0) {
    for (const WindowId id : {WindowId::kFwdAttn, WindowId::kFwdMlp}) {
      set(id, layer, [&](int8_t window) {
        return own.besideNs(window, {Slot::kFwdAttn, Slot::kFwdMlp});
      });
    }
  }
  if (layer > shape.firstLayer()) {
    const LayerWork below(shape, layer - 1);
    set(WindowId::kOwnBwdMlp, layer, inBackward(own, &below));
  } else {
    set(WindowId::kOwnBwdMlp, layer, inBackward(own, nullptr));
  }
  if (layer == shape.topLayer()) return;
  const LayerWork above(shape, layer + 1);
  for (const WindowId id : {WindowId::kPrevBwdMlp, WindowId::kPrevBwdAttn})
    set(id, layer + 1, inBackward(above, &own));
}

}  // namespace caracal::planner
