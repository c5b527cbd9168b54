// GELU in its tanh form (Hendrycks and Gimpel, arXiv 1606.08415):
// y = x / 2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
#pragma once

#include <cstdint>

namespace caracal::kernels {

void geluForward(int64_t count, const float* x, float* y);
// In place: the gradient of y becomes the gradient of x.
void geluBackward(int64_t count, const float* x, float* gradient);

}  // namespace caracal::kernels
