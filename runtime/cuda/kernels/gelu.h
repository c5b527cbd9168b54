// GELU of a matrix product with the product's bias added on the way; see runtime/kernels/gelu.h.
// x, y, gradient (rows, width) in T; bias (width) in fp32.
#pragma once

#include "runtime/cuda/kernels/column_sum.h"

namespace caracal::cuda {

// y = gelu(x + bias).
template <class T>
void biasGeluForward(Queue& queue, RowShape shape, const T* x, const float* bias, T* y);
// In place: the gradient of y becomes that of x, which is also the bias's before it is summed.
template <class T>
void biasGeluBackward(Queue& queue, RowShape shape, const T* x, const float* bias, T* gradient);

}  // namespace caracal::cuda
