// How programs get the rate of matrix products out of libcaracal_cuda.so: plain C++ without a CUDA
// header.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/result.h"

namespace caracal::cuda {

// (m, k) x (k, n) in bf16, sums in fp32.
struct MatrixSize {
  int64_t m = 0, n = 0, k = 0;
};
struct MatrixRate {
  MatrixSize size;
  double nsPerProduct = 0;  // median
  double flopsPerSecond() const {
    return 2e9 * static_cast<double>(size.m) * static_cast<double>(size.n) *
           static_cast<double>(size.k) / nsPerProduct;
  }
};

inline constexpr const char* kRateEntry = "caracalCudaMatrixRates";
// Of GPU `device`; fails where there is none.
using RateEntry = void (*)(int32_t device, const std::vector<MatrixSize>& sizes, int32_t repeats,
                           Result<std::vector<MatrixRate>>& rates);

}  // namespace caracal::cuda
