#include "runtime/kernels/layer_norm.h"

#include <cmath>

namespace caracal::kernels {
namespace {

constexpr float kEpsilon = 1e-5F;

struct Moments {
  float mean = 0;
  float inverseDeviation = 0;
};

Moments momentsOf(const float* x, int64_t width) {
  double sum = 0;
  for (int64_t i = 0; i < width; ++i) sum += x[i];
  const double mean = sum / static_cast<double>(width);
  double squares = 0;
  for (int64_t i = 0; i < width; ++i) squares += (x[i] - mean) * (x[i] - mean);
  const double variance = squares / static_cast<double>(width);
  return {static_cast<float>(mean), static_cast<float>(1.0 / std::sqrt(variance + kEpsilon))};
}

}  // namespace

void layerNormForward(RowShape shape, const float* x, const float* gamma, const float* beta,
                      float* y) {
  for (int64_t r = 0; r < shape.rows; ++r) {
    const float* row = x + r * shape.width;
    float* out = y + r * shape.width;
    const Moments m = momentsOf(row, shape.width);
    for (int64_t i = 0; i < shape.width; ++i) {
      out[i] = (row[i] - m.mean) * m.inverseDeviation * gamma[i] + beta[i];
    }
  }
}

void layerNormBackward(RowShape shape, const float* x, const float* gamma, const float* dy,
                       float* dx, float* dgamma, float* dbeta) {
  // With xhat = (x - mean) / dev and g = dy gamma:  dx = (g - mean(g) - xhat mean(g xhat)) / dev.
  const auto width = static_cast<float>(shape.width);
  for (int64_t r = 0; r < shape.rows; ++r) {
    const float* row = x + r * shape.width;
    const float* grad = dy + r * shape.width;
    float* out = dx + r * shape.width;
    const Moments m = momentsOf(row, shape.width);
    float sumG = 0;
    float sumGX = 0;
    for (int64_t i = 0; i < shape.width; ++i) {
      const float normal = (row[i] - m.mean) * m.inverseDeviation;
      const float g = grad[i] * gamma[i];
      sumG += g;
      sumGX += g * normal;
      dgamma[i] += grad[i] * normal;
      dbeta[i] += grad[i];
    }
    const float meanG = sumG / width;
    const float meanGX = sumGX / width;
    for (int64_t i = 0; i < shape.width; ++i) {
      const float normal = (row[i] - m.mean) * m.inverseDeviation;
      out[i] += (grad[i] * gamma[i] - meanG - normal * meanGX) * m.inverseDeviation;
    }
  }
}

}  // namespace caracal::kernels
