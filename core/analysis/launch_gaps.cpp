#include "core/analysis/launch_gaps.h"

#include <algorithm>

#include "core/analysis/call_alignment.h"

namespace caracal::analysis {

std::vector<Span> launchGaps(const trace::Trace& trace, std::vector<trace::EventIndex> work,
                             const std::stop_token& stop) {
  if (!sortByBegin(trace, work, stop)) return {};
  std::vector<Span> gaps;
  int64_t freeNs = trace.range().beginNs;
  for (const size_t i : trace::placesOf(work, stop)) {
    const trace::EventIndex e = work[i];
    const trace::EventIndex launch = trace.launch(e);
    if (launch != trace::kNoIndex && trace.beginNs(launch) > freeNs)
      gaps.push_back({freeNs, trace.beginNs(e)});
    freeNs = std::max(freeNs, trace.endNs(e));
  }
  return gaps;
}

}  // namespace caracal::analysis
