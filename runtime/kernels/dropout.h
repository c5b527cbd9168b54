// Inverted dropout whose mask is a function of where the element is, not of when it is computed:
// forward, backward and every recomputation make the same mask again, and nothing is stored.
#pragma once

#include <cmath>
#include <cstdint>

namespace caracal::kernels {

// Names one application of dropout in a training run. Two sites that differ in a field share no
// random numbers.
struct DropoutSite {
  uint64_t seed = 0;
  uint32_t step = 0;
  uint32_t sample = 0;  // micro-batch, counted over all data-parallel replicas
  uint32_t place = 0;   // which dropout of which layer
  float probability = 0;
};

// What kept elements are multiplied by, and below which of its 2^32 random numbers an element is
// dropped.
inline float dropoutScale(const DropoutSite& site) {
  return 1.0F / (1.0F - site.probability);
}
inline uint32_t dropoutThreshold(const DropoutSite& site) {
  return static_cast<uint32_t>(std::lround(site.probability * 4294967295.0));
}

// A block of consecutive elements: local element i is element `first + i` of the whole tensor, the
// one that a single rank would hold. REQUIRES first and count to be multiples of 4.
struct ElementRange {
  int64_t first = 0;
  int64_t count = 0;
};

// y = x * mask / (1 - probability), y and x may be the same. The gradient is the same function of
// dy.
void dropout(const DropoutSite& site, ElementRange range, const float* x, float* y);
// y = base + dropout(x + bias), row by row: x, y, base (count / width, width), bias (width).
void biasDropoutAdd(const DropoutSite& site, ElementRange range, int64_t width, const float* x,
                    const float* bias, const float* base, float* y);

}  // namespace caracal::kernels
