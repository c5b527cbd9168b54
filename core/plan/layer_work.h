// LayerWork: what one layer of a stage rebuilds and copies besides running its operators, looked up
// once for all passes. Used by pass_lowering.cpp alone.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/base/result.h"
#include "core/plan/recompute_slots.h"
#include "core/plan/stage_shape.h"

namespace caracal::plan {

// The recomputations of a layer: operators in forward order, and the collective that hosts each
// (recompute_hosts.h).
struct Rebuilt {
  std::array<std::vector<int16_t>, static_cast<size_t>(Slot::kNone)> bySlot;
  std::vector<int8_t> hosts;
  std::vector<int16_t>& operator[](Slot slot) { return bySlot[static_cast<size_t>(slot)]; }
  const std::vector<int16_t>& operator[](Slot slot) const {
    return bySlot[static_cast<size_t>(slot)];
  }
};

// Offloaded tensors by the segment that they are waited for before.
struct Offloads {
  std::vector<int16_t> mlp, attention;
  std::vector<int16_t> all() const;
};

// LayerWork::unitBegin of a layer that is rebuilt with the layer above it.
inline constexpr int32_t kRebuiltAbove = -1;

struct LayerWork {
  Rebuilt hosted;         // of micro-batches that a forward hosts
  Rebuilt tail;           // of the others
  int32_t unitBegin = 0;  // the first layer of the recompute unit whose top this is
  Offloads offloads;
};

// Bottom layer first. Fails with kInvalidInput when a recomputation would come after the backward
// that reads it.
Result<std::vector<LayerWork>> layerWorkOf(const StageShape& shape);

}  // namespace caracal::plan
