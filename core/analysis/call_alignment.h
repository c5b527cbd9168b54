// Lines up two lists of calls that were recorded through windows of different length.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <vector>

#include "core/trace/trace.h"

namespace caracal::analysis {

// How many of the first `calls` to leave out so that the ends of the next ones fit those of
// `reference` best. REQUIRES: both in time order, reference not longer than calls.
inline size_t bestOffset(const trace::Trace& trace, const std::vector<trace::EventIndex>& calls,
                         const std::vector<trace::EventIndex>& reference) {
  size_t best = 0;
  int64_t bestError = std::numeric_limits<int64_t>::max();
  for (size_t offset = 0; offset + reference.size() <= calls.size(); ++offset) {
    int64_t error = 0;
    for (size_t i = 0; i < reference.size(); ++i) {
      error += std::abs(trace.endNs(calls[offset + i]) - trace.endNs(reference[i]));
    }
    if (error < bestError) {
      bestError = error;
      best = offset;
    }
  }
  return best;
}

inline void sortByBegin(const trace::Trace& trace, std::vector<trace::EventIndex>& calls) {
  std::sort(calls.begin(), calls.end(), [&](trace::EventIndex a, trace::EventIndex b) {
    return trace.beginNs(a) < trace.beginNs(b);
  });
}

}  // namespace caracal::analysis
