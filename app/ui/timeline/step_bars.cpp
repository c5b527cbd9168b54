#include "app/ui/timeline/step_bars.h"

#include <algorithm>

namespace caracal::ui {

StepBars stepBars(const std::vector<Span>& steps) {
  StepBars bars;
  for (const Span& step : steps) bars.lengthsNs.push_back(step.lengthNs());
  if (steps.empty()) return bars;
  bars.worst = static_cast<size_t>(std::max_element(bars.lengthsNs.begin(), bars.lengthsNs.end()) -
                                   bars.lengthsNs.begin());
  std::vector<int64_t> sorted = bars.lengthsNs;
  const auto middle = sorted.begin() + static_cast<ptrdiff_t>((sorted.size() - 1) / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  bars.medianNs = *middle;
  return bars;
}

int leftOfStep(size_t steps, size_t step, int width) {
  if (steps == 0) return 0;
  return static_cast<int>(static_cast<size_t>(std::max(width, 0)) * step / steps);
}

StepRange stepsAtPixel(size_t steps, int x, int width) {
  if (steps == 0 || x < 0 || x >= width) return {};
  const auto columns = static_cast<size_t>(width);
  const auto column = static_cast<size_t>(x);
  // Step s begins in column columns * s / steps, rounded down.
  const size_t first = ((column + 1) * steps - 1) / columns;
  const size_t from = std::min(first, (column * steps + columns - 1) / columns);
  return {from, first + 1};
}

int heightOfStep(const StepBars& bars, size_t step, int height) {
  if (bars.longestNs() == 0) return 1;
  const double share =
      static_cast<double>(bars.lengthsNs[step]) / static_cast<double>(bars.longestNs());
  return std::max(1, static_cast<int>(share * height));
}

}  // namespace caracal::ui
