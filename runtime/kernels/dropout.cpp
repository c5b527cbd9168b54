#include "runtime/kernels/dropout.h"

#include <algorithm>
#include <array>

#include "runtime/kernels/philox.h"

namespace caracal::kernels {
namespace {

constexpr int64_t kLanes = 4;  // words of one Philox block

// Multiplies elements by 0 or 1 / (1 - p), four at a time.
class Mask {
 public:
  explicit Mask(const DropoutSite& site)
      : m_site(site), m_scale(dropoutScale(site)), m_threshold(dropoutThreshold(site)) {}

  std::array<float, kLanes> at(int64_t element) const {
    const auto block = static_cast<uint32_t>(element / kLanes);
    const PhiloxBlock words =
        philox({block, m_site.place, m_site.step, m_site.sample}, m_site.seed);
    std::array<float, kLanes> factors{};
    for (size_t i = 0; i < words.size(); ++i) factors[i] = words[i] < m_threshold ? 0.0F : m_scale;
    return factors;
  }

 private:
  const DropoutSite& m_site;
  float m_scale;
  uint32_t m_threshold;
};

}  // namespace

void dropout(const DropoutSite& site, ElementRange range, const float* x, float* y) {
  if (site.probability <= 0) {
    if (x != y) std::copy(x, x + range.count, y);
    return;
  }
  const Mask mask(site);
  for (int64_t i = 0; i < range.count; i += kLanes) {
    const auto factors = mask.at(range.first + i);
    for (int64_t lane = 0; lane < kLanes; ++lane)
      y[i + lane] = x[i + lane] * factors[static_cast<size_t>(lane)];
  }
}

void biasDropoutAdd(const DropoutSite& site, ElementRange range, int64_t width, const float* x,
                    const float* bias, const float* base, float* y) {
  for (int64_t row = 0; row < range.count; row += width) {
    for (int64_t i = 0; i < width; ++i) y[row + i] = x[row + i] + bias[i];
  }
  dropout(site, range, y, y);
  for (int64_t i = 0; i < range.count; ++i) y[i] += base[i];
}

}  // namespace caracal::kernels
