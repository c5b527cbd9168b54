// When a GPU had nothing to do because the host had launched nothing.
#pragma once

#include <stop_token>
#include <vector>

#include "core/base/intervals.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

// From the end of all work before to the begin of work that was launched only after that; before
// the first work from the begin of the trace. `work`: GPU events of one rank, in any order.
// Polls `stop`; what it then returns is not complete.
std::vector<Span> launchGaps(const trace::Trace& trace, std::vector<trace::EventIndex> work,
                             const std::stop_token& stop = {});

}  // namespace caracal::analysis
