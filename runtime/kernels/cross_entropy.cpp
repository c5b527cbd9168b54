#include "runtime/kernels/cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "runtime/kernels/exponential.h"

namespace caracal::kernels {

double crossEntropyForward(int64_t vocabulary, const float* logits,
                           std::span<const uint8_t> targets, float* probabilities) {
  double total = 0;
  for (size_t t = 0; t < targets.size(); ++t) {
    const float* row = logits + static_cast<int64_t>(t) * vocabulary;
    float* out = probabilities + static_cast<int64_t>(t) * vocabulary;
    const float largest = *std::max_element(row, row + vocabulary);
    for (int64_t v = 0; v < vocabulary; ++v) out[v] = fastExp(row[v] - largest);
    double sum = 0;
    for (int64_t v = 0; v < vocabulary; ++v) sum += out[v];
    const auto inverse = static_cast<float>(1.0 / sum);
    for (int64_t v = 0; v < vocabulary; ++v) out[v] *= inverse;
    total += std::log(sum) + largest - row[targets[t]];
  }
  return total / static_cast<double>(targets.size());
}

void crossEntropyBackward(int64_t vocabulary, const float* probabilities,
                          std::span<const uint8_t> targets, float scale, float* dlogits) {
  const float share = scale / static_cast<float>(targets.size());
  for (size_t t = 0; t < targets.size(); ++t) {
    const float* row = probabilities + static_cast<int64_t>(t) * vocabulary;
    float* out = dlogits + static_cast<int64_t>(t) * vocabulary;
    for (int64_t v = 0; v < vocabulary; ++v) out[v] = row[v] * share;
    out[targets[t]] -= share;
  }
}

}  // namespace caracal::kernels
