// Recomputation that a plan put into windows (plan::WindowId): how much of it ran, window by
// window, and how much of that was hidden.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/analysis/run_summary.h"

namespace caracal::analysis {

// A window of the step, of one layer or several.
struct WindowPlace {
  int32_t stage = 0;
  int32_t microBatch = 0;  // whose tensors are rebuilt
  uint8_t window = 0;      // as EventArgs::window
  auto operator<=>(const WindowPlace&) const = default;
};

// Means per step and replica.
struct WindowWork {
  int64_t ns = 0;
  int64_t hiddenNs = 0;  // of it, where compute would have idled (StageStep::recomputeWaits)
};
using WindowWorks = std::map<WindowPlace, WindowWork>;

// Over the steps of all runs but each one's warm-up, of the rank that stands for a stage. REQUIRES
// at least one run.
WindowWorks windowWorks(const std::vector<RecordedRun>& runs);

// What a run made of the windows that were expected to be open.
struct WindowTotals {
  int64_t placedNs = 0;  // all that the plan put into windows
  int64_t openNs = 0;    // of that, into windows in which the prediction hides something
  int64_t hiddenNs = 0;  // of that, hidden
};
WindowTotals totalsOf(const WindowWorks& run, const WindowWorks& predicted);

}  // namespace caracal::analysis
