// When a stage had nothing to do because an activation or a gradient had not arrived.
#pragma once

#include <vector>

#include "core/analysis/stage_activity.h"
#include "core/base/intervals.h"

namespace caracal::analysis {

// Each span reaches from the end of the work before a pass to the arrival of what the pass needs.
// Recomputation may run inside: it is then hidden.
struct DependencyWaits {
  SpanSet upstream;    // for an activation from the stage before
  SpanSet downstream;  // for a gradient from the stage after
};

struct WaitAnalysis {
  std::vector<DependencyWaits> ofActivity;  // aligned with the activities
  Fact fact;                                // how arrivals are known
};

// The arrival is the end of the receive before the pass; one of unknown direction is for the pass
// that follows it. In a trace without receives it is the end
// of the pass that produced the tensor, on the neighbouring stage, plus the least time ever seen
// between such an end and the begin of the pass that needs it.
// Polls `stop`; what it then returns is not complete.
WaitAnalysis findWaits(const std::vector<StageActivity>& activities, const PipelineLayout& layout,
                       const std::stop_token& stop);

}  // namespace caracal::analysis
