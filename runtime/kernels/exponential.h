// exp() for floats in the form compilers vectorise: no branches, no table, no call. Relative error
// below 3e-7 over the range softmax and GELU use; results saturate instead of becoming 0 or
// infinite.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace caracal::kernels {

inline float fastExp(float x) {
  // exp(x) = 2^n exp(r) with n = round(x / ln 2) and |r| <= ln 2 / 2; ln 2 in two parts (Cody and
  // Waite) so that r keeps its digits; exp(r) by its Taylor polynomial of degree 7 (remainder
  // 2e-9).
  x = x < -87.0F ? -87.0F : x;
  x = x > 88.0F ? 88.0F : x;
  constexpr float kRound =
      12582912.0F;  // 1.5 * 2^23: adding it leaves the nearest integer in the mantissa
  const float n = (x * 1.44269504F + kRound) - kRound;
  const float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.0F / 5040;
  p = p * r + 1.0F / 720;
  p = p * r + 1.0F / 120;
  p = p * r + 1.0F / 24;
  p = p * r + 1.0F / 6;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  return p * std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
}

}  // namespace caracal::kernels
