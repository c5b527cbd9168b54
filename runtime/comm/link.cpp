#include "runtime/comm/link.h"

#include <cmath>

namespace caracal::comm {

int64_t transferNs(const Link& link, int64_t bytes) {
  if (link.bytesPerSecond <= 0) return link.latencyNs;
  return link.latencyNs + std::llround(static_cast<double>(bytes) * 1e9 / link.bytesPerSecond);
}

int64_t ringAllReduceBytes(int64_t bytes, int32_t members) {
  return (2 * bytes * (members - 1) + members - 1) / members;
}

int64_t ringBytes(Pattern pattern, int64_t bytes, int32_t members) {
  if (pattern == Pattern::kAllReduce) return ringAllReduceBytes(bytes, members);
  return (bytes * (members - 1) + members - 1) / members;
}

}  // namespace caracal::comm
