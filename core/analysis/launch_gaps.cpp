#include "core/analysis/launch_gaps.h"

#include <algorithm>
#include <limits>

namespace caracal::analysis {

std::vector<Span> launchGaps(const trace::Trace& trace, std::vector<trace::EventIndex> work) {
  std::stable_sort(work.begin(), work.end(), [&](trace::EventIndex a, trace::EventIndex b) {
    return trace.beginNs(a) < trace.beginNs(b);
  });
  std::vector<Span> gaps;
  constexpr int64_t kNothingBefore = std::numeric_limits<int64_t>::max();
  int64_t freeNs = kNothingBefore;
  for (const trace::EventIndex e : work) {
    const trace::EventIndex launch = trace.launch(e);
    if (launch != trace::kNoIndex && trace.beginNs(launch) > freeNs)
      gaps.push_back({freeNs, trace.beginNs(e)});
    freeNs = freeNs == kNothingBefore ? trace.endNs(e) : std::max(freeNs, trace.endNs(e));
  }
  return gaps;
}

}  // namespace caracal::analysis
