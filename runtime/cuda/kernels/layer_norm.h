// Layer normalisation over the last dimension; see runtime/kernels/layer_norm.h, whose results
// these are. x, y, dx, dy (rows, width) in T; gamma, beta and their gradients (width) in fp32.
#pragma once

#include "runtime/cuda/kernels/column_sum.h"

namespace caracal::cuda {

template <class T>
void layerNormForward(Queue& queue, RowShape shape, const T* x, const float* gamma,
                      const float* beta, T* y);

// Floats of scratch that layerNormBackward() needs: mean and deviation of each row, and partial
// sums.
constexpr int64_t layerNormScratch(RowShape shape) {
  return 2 * shape.rows + columnSumScratch(shape.width);
}

// dx += gradient of x; dgamma, dbeta += theirs. Mean and deviation are computed again from x.
template <class T>
void layerNormBackward(Queue& queue, RowShape shape, const T* x, const float* gamma, const T* dy,
                       float* scratch, T* dx, float* dgamma, float* dbeta);

}  // namespace caracal::cuda
