// Minimum of a convex function over the integers, by bisection on its slope.
#pragma once

#include <cstdint>

namespace caracal::planner {

// The least x of [0, most] at which `valueAt` is smallest. REQUIRES that it is convex there and
// that flat parts, if any, are at its minimum.
template <typename Function>
int64_t convexMinimum(int64_t most, const Function& valueAt) {
  int64_t low = 0, high = most;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (valueAt(middle + 1) < valueAt(middle))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

}  // namespace caracal::planner
