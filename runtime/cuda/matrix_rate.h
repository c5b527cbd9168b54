// How fast this GPU multiplies bf16 matrices, by the very products that training runs on: what
// model FLOPs utilisation is a share of.
#pragma once

#include <vector>

#include "runtime/cuda/rate_entry.h"

namespace caracal::cuda {

// On the current device. Each product runs a while before it is timed, `repeats` of them together,
// and the median of some timings counts.
Result<std::vector<MatrixRate>> measureMatrixRates(const std::vector<MatrixSize>& sizes,
                                                   int32_t repeats);

}  // namespace caracal::cuda
