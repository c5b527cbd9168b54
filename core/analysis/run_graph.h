// The event graph of a run: launches, stream order, host calls that wait, work handed to autograd's
// threads, collectives and transfers matched across ranks, and the order of a schedule's passes and
// lanes.
#pragma once

#include <cstdint>
#include <stop_token>

#include "core/analysis/event_graph.h"
#include "core/analysis/prepared_run.h"
#include "core/base/result.h"

namespace caracal::analysis {

struct RunGraph {
  EventGraph graph;
  // Waits of one GPU stream for another are not recorded. Where an operation was launched in time,
  // its own stream was free, and another stream of the rank finished an operation at most 20 us
  // before, that one is taken to be what it waited for; so many times.
  int64_t inferredWaits = 0;
};

// Of the recording with the most events; run.clocks.reasons says what is left out. A matched
// collective or transfer is one node from the last member's start to the first member's end, so
// that waiting is never work. Time O(n log n). kCannotAnswer when there is neither GPU nor schedule
// work; kCancelled once `stop` is requested.
Result<RunGraph> buildRunGraph(const PreparedRun& run, const CommNames& comm,
                               const std::stop_token& stop = {});

}  // namespace caracal::analysis
