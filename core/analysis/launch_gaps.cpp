#include "core/analysis/launch_gaps.h"

#include <algorithm>

namespace caracal::analysis {

std::vector<Span> launchGaps(const trace::Trace& trace, std::vector<trace::EventIndex> work) {
  std::stable_sort(work.begin(), work.end(), [&](trace::EventIndex a, trace::EventIndex b) {
    return trace.beginNs(a) < trace.beginNs(b);
  });
  std::vector<Span> gaps;
  int64_t freeNs = trace.range().beginNs;
  for (const trace::EventIndex e : work) {
    const trace::EventIndex launch = trace.launch(e);
    if (launch != trace::kNoIndex && trace.beginNs(launch) > freeNs)
      gaps.push_back({freeNs, trace.beginNs(e)});
    freeNs = std::max(freeNs, trace.endNs(e));
  }
  return gaps;
}

}  // namespace caracal::analysis
