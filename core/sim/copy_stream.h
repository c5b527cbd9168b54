// CopyStream: one direction of copies between a device and its host, one after the other.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>

#include "core/sim/replay.h"

namespace caracal::sim {

class CopyStream {
 public:
  // Returns when the copy runs.
  ItemTime start(int64_t nowNs, int64_t ns) {
    const int64_t beginNs = std::max(nowNs, m_freeNs);
    m_freeNs = beginNs + ns;
    m_endsNs.push_back(m_freeNs);
    return {beginNs, m_freeNs};
  }

  // Returns when compute goes on. REQUIRES a copy that nobody has waited for; the earliest is
  // meant.
  int64_t wait(int64_t nowNs) {
    const int64_t endNs = m_endsNs.front();
    m_endsNs.pop_front();
    return std::max(nowNs, endNs);
  }

 private:
  int64_t m_freeNs = 0;
  std::deque<int64_t> m_endsNs;
};

}  // namespace caracal::sim
