// GradientGaps: how much recomputation a stage can do while it waits for gradients.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace caracal::planner {

// The waits of some micro-batches of a stage.
class GradientGaps {
 public:
  GradientGaps() = default;
  explicit GradientGaps(std::vector<int64_t> gapsNs)
      : m_gapsNs(std::move(gapsNs)), m_prefixNs(1, 0) {
    std::sort(m_gapsNs.begin(), m_gapsNs.end());
    for (int64_t gap : m_gapsNs) m_prefixNs.push_back(m_prefixNs.back() + gap);
  }

  // Sum over the micro-batches of what `workNs` each exceeds its wait.
  int64_t exposedNs(int64_t workNs) const {
    if (workNs <= 0) return 0;
    const auto shorter = static_cast<size_t>(
        std::upper_bound(m_gapsNs.begin(), m_gapsNs.end(), workNs) - m_gapsNs.begin());
    return static_cast<int64_t>(shorter) * workNs - m_prefixNs[shorter];
  }

 private:
  std::vector<int64_t> m_gapsNs;  // ascending
  std::vector<int64_t> m_prefixNs{0};
};

}  // namespace caracal::planner
