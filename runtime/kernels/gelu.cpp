#include "runtime/kernels/gelu.h"

#include "runtime/kernels/exponential.h"

namespace caracal::kernels {
namespace {

constexpr float kScale = 0.7978845608F;  // sqrt(2 / pi)
constexpr float kCubic = 0.044715F;

// (1 + tanh(u)) / 2 is the logistic function of 2u.
float halfOnePlusTanh(float u) {
  return 1.0F / (1.0F + fastExp(-2.0F * u));
}

}  // namespace

void geluForward(int64_t count, const float* x, float* y) {
  for (int64_t i = 0; i < count; ++i) {
    y[i] = x[i] * halfOnePlusTanh(kScale * (x[i] + kCubic * x[i] * x[i] * x[i]));
  }
}

void geluBackward(int64_t count, const float* x, float* gradient) {
  for (int64_t i = 0; i < count; ++i) {
    const float square = x[i] * x[i];
    const float gate = halfOnePlusTanh(kScale * (x[i] + kCubic * x[i] * square));
    const float slope = 2.0F * kScale * (1.0F + 3.0F * kCubic * square);
    gradient[i] *= gate + x[i] * gate * (1.0F - gate) * slope;
  }
}

}  // namespace caracal::kernels
