// The last part of gathering what a stage did (stage_activity.h): its lists in time order, and when
// it goes on working after which work.
#pragma once

#include <cstdint>

#include "core/analysis/stage_activity.h"

namespace caracal::analysis {

// Sorts passes, resumes and transfers by begin. Where no operators are recorded the passes become
// the resumes. Each resume's freeNs, until then the end of its own work, becomes the end of all
// work before it (`traceBeginNs` for the first), and the first resume of each pass is marked.
// Polls `stop`; the activity is then not to be used.
void orderInTime(StageActivity& activity, int64_t traceBeginNs, const std::stop_token& stop);

}  // namespace caracal::analysis
