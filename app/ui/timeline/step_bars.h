// Geometry of the step strip: a bar for every step of a run, side by side, as high as the step is
// long. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/intervals.h"

namespace caracal::ui {

struct StepBars {
  std::vector<int64_t> lengthsNs;
  int64_t medianNs = 0;  // of all lengths; of an even number the lower middle one
  size_t worst = 0;      // the longest step, the first of equal ones
  int64_t longestNs() const { return lengthsNs.empty() ? 0 : lengthsNs[worst]; }
};
StepBars stepBars(const std::vector<Span>& steps);

// The steps [first, last) whose bars lie in pixel column `x` of `width` columns: several where
// there are more steps than pixels. Empty outside.
struct StepRange {
  size_t first = 0;
  size_t last = 0;
  bool operator==(const StepRange&) const = default;
};
StepRange stepsAtPixel(size_t steps, int x, int width);
// Left edge of a step's bar; of step == steps the right edge of the last.
int leftOfStep(size_t steps, size_t step, int width);
// How high a step's bar is, of `height` pixels: at least 1.
int heightOfStep(const StepBars& bars, size_t step, int height);

}  // namespace caracal::ui
