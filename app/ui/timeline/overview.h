// Overview: how busy a run is over the whole time axis, for the minimap. From the activity of its
// tracks (core/trace/activity.h), in time that hardly grows with the number of events.
#pragma once

#include <vector>

#include "app/ui/timeline/scene.h"

namespace caracal::ui {

inline constexpr size_t kOverviewBins = 1024;

// Of equal parts of `range` (scene time): the mean over ranks of the part in which a rank works, 0
// to 1. Of ranks with GPU streams their streams count, else the lanes of the schedule. Empty when
// there is nothing of that kind.
std::vector<float> overviewOf(const trace::Trace& trace, int64_t shiftNs, Span range);

}  // namespace caracal::ui
