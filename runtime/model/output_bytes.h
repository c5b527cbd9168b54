// Sizes of the tensors that operators make, the same on every backend.
#pragma once

#include <cstdint>

#include "runtime/model/operators.h"
#include "runtime/model/shape.h"

namespace caracal::model {

// Bytes of the tensor that `op` makes, including what it keeps for its own backward.
int64_t outputBytes(const RankShape& shape, Op op);

}  // namespace caracal::model
