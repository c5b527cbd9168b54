// WindowUse: how full the windows around one layer of a plan are.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/plan/recompute_slots.h"
#include "core/plan/stage_shape.h"

namespace caracal::planner {

// Summed over the collectives that a placement has to choose from.
struct WindowLoad {
  bool exists = false;
  int64_t capacityNs = 0;
  int64_t usedNs = 0;      // by all that is rebuilt beside them, when run alone
  int64_t roomNs = 0;      // what is left of their capacity
  int64_t overflowNs = 0;  // and what is used beyond it
};

// For one layer and a micro-batch that has a next forward where the stage has one at all.
class WindowUse {
 public:
  WindowUse(const plan::StageShape& shape, int32_t layer);

  // Where each operator is rebuilt; kNone: it is not.
  const std::vector<plan::Slot>& slots() const { return m_slots; }
  // A backward collective counts what the layer below and its own layer rebuild beside it. `pipe`
  // and `dp` have no capacity of their own and do not exist here.
  const WindowLoad& operator[](plan::WindowId window) const {
    return m_loads[static_cast<size_t>(window)];
  }

 private:
  std::vector<plan::Slot> m_slots;
  std::array<WindowLoad, plan::kWindowCount> m_loads;
};

}  // namespace caracal::planner
