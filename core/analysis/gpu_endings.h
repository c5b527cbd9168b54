// GPU work in the order in which it ends: what a host call or another stream may have waited for.
// Used by run_graph.cpp only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "core/trace/polled_sort.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

// Must not outlive the trace.
class GpuEndings {
 public:
  explicit GpuEndings(const trace::Trace& trace) : m_trace(&trace) {}

  // REQUIRES: sort() after the last add, before the first question.
  void add(trace::EventIndex work) { m_list.push_back({m_trace->endNs(work), work}); }
  void sort(const std::stop_token& stop) {
    const auto byEnd = [](const Ending& a, const Ending& b) { return a.endNs < b.endNs; };
    trace::polledStableSort(m_list, byEnd, stop);
  }

  // The last work to end inside the call that was launched before it; kNoIndex: none.
  trace::EventIndex awaitedBy(trace::EventIndex call) const {
    for (auto at = firstAfter(m_trace->endNs(call)); at != m_list.begin();) {
      --at;
      if (at->endNs <= m_trace->beginNs(call)) break;
      const trace::EventIndex launch = m_trace->launch(at->event);
      if (launch == trace::kNoIndex || m_trace->beginNs(launch) <= m_trace->beginNs(call))
        return at->event;
    }
    return trace::kNoIndex;
  }

  // The last work of another stream to end before `work` begins, at most `withinNs` before and
  // after `boundNs`; kNoIndex: none.
  trace::EventIndex endedJustBefore(trace::EventIndex work, const trace::Track& track,
                                    int64_t boundNs, int64_t withinNs) const {
    const int64_t beginNs = m_trace->beginNs(work);
    for (auto at = firstAfter(beginNs); at != m_list.begin();) {
      --at;
      if (at->endNs <= boundNs || beginNs - at->endNs > withinNs) break;
      const bool otherStream =
          at->event < track.firstEvent || at->event >= track.firstEvent + track.eventCount;
      if (otherStream) return at->event;
    }
    return trace::kNoIndex;
  }

 private:
  struct Ending {
    int64_t endNs = 0;
    trace::EventIndex event = trace::kNoIndex;
  };

  std::vector<Ending>::const_iterator firstAfter(int64_t timeNs) const {
    return std::upper_bound(m_list.begin(), m_list.end(), timeNs,
                            [](int64_t t, const Ending& ending) { return t < ending.endNs; });
  }

  const trace::Trace* m_trace;
  std::vector<Ending> m_list;
};

}  // namespace caracal::analysis
