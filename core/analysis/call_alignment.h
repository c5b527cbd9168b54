// Lines up two lists of calls that were recorded through windows of different length.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <stop_token>
#include <vector>

#include "core/trace/polled_sort.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

// How many of the first `calls` to leave out so that the ends of the next ones fit those of
// `reference` best. REQUIRES: both in time order, reference not longer than calls.
inline size_t bestOffset(const trace::Trace& trace, const std::vector<trace::EventIndex>& calls,
                         const std::vector<trace::EventIndex>& reference,
                         const std::stop_token& stop) {
  size_t best = 0;
  int64_t bestError = std::numeric_limits<int64_t>::max();
  const size_t last = calls.size() - reference.size();
  for (size_t offset = 0; offset <= last && !stop.stop_requested(); ++offset) {
    int64_t error = 0;
    for (const size_t i : trace::placesOf(reference, stop)) {
      error += std::abs(trace.endNs(calls[offset + i]) - trace.endNs(reference[i]));
    }
    if (error < bestError) {
      bestError = error;
      best = offset;
    }
  }
  return best;
}

// False: stopped; the order is then unspecified.
inline bool sortByBegin(const trace::Trace& trace, std::vector<trace::EventIndex>& calls,
                        const std::stop_token& stop) {
  const auto byBegin = [&](trace::EventIndex a, trace::EventIndex b) {
    return trace.beginNs(a) < trace.beginNs(b);
  };
  return trace::polledStableSort(calls, byBegin, stop);
}

}  // namespace caracal::analysis
