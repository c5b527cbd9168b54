// Random inputs of kernels, and gradients compared with finite differences.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>
#include <random>
#include <vector>

namespace caracal::kernels {

using Vector = std::vector<float>;

inline Vector randomVector(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 1);
  Vector values(count);
  for (float& value : values) value = normal(random);
  return values;
}

inline double dot(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// Compares `gradient` with central differences of objective() over every element of `values`.
inline void expectGradient(Vector& values, const Vector& gradient,
                           const std::function<double()>& objective) {
  constexpr float kStep = 1e-2F;
  ASSERT_EQ(values.size(), gradient.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const float value = values[i];
    values[i] = value + kStep;
    const double above = objective();
    values[i] = value - kStep;
    const double below = objective();
    values[i] = value;
    const double expected = (above - below) / (2.0 * kStep);
    EXPECT_NEAR(gradient[i], expected, 2e-3 + 1e-2 * std::abs(expected)) << "element " << i;
  }
}

}  // namespace caracal::kernels
