// Where a global rank sits: which pipeline stage, which data-parallel replica, which place in its
// tensor-parallel group. Tensor-parallel neighbours have consecutive ranks, as in Megatron-LM.
#pragma once

#include <cstdint>

#include "core/profile/profile.h"

namespace caracal::comm {

// Global rank = (stage * data + replica) * tensor + index in the tensor-parallel group.
struct Position {
  int32_t rank = 0;
  int32_t stage = 0;
  int32_t tensor = 0;
  int32_t data = 0;
  bool operator==(const Position&) const = default;
};
Position positionOf(const profile::ParallelShape& parallel, int32_t rank);

}  // namespace caracal::comm
