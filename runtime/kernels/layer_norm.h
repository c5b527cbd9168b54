// Layer normalisation over the last dimension (Ba et al., arXiv 1607.06450), eps 1e-5.
// x, y, dx, dy (rows, width); gamma, beta (width).
#pragma once

#include <cstdint>

namespace caracal::kernels {

struct RowShape {
  int64_t rows = 0, width = 0;
};

void layerNormForward(RowShape shape, const float* x, const float* gamma, const float* beta,
                      float* y);

// dx += gradient of x; dgamma, dbeta += theirs. Mean and deviation are computed again from x, so
// that nothing but x has to be kept for it.
void layerNormBackward(RowShape shape, const float* x, const float* gamma, const float* dy,
                       float* dx, float* dgamma, float* dbeta);

}  // namespace caracal::kernels
