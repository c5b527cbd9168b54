// Lines through points with outliers, and percentiles: what clock offsets are estimated with.
#pragma once

#include <cstdint>
#include <vector>

namespace caracal::analysis {

struct LinePoint {
  int64_t x = 0;
  int64_t y = 0;
};

// y = offset + slope (x - pivot)
struct RobustLine {
  int64_t pivot = 0;
  int64_t offset = 0;
  double slope = 0;
  int64_t at(int64_t x) const {
    return offset + static_cast<int64_t>(slope * static_cast<double>(x - pivot));
  }
};

// Theil-Sen: the median slope over pairs of (at most 200, evenly chosen) points, then the median
// offset over all; half of the points may be wrong. The slope is kept only where it lowers the
// median residual by a fifth or more and there are at least 20 points; else it is 0.
// The pivot is the middle of the x values. No points: all zero.
RobustLine fitLine(std::vector<LinePoint> points);

// The value at least `percent` of the values do not exceed (nearest rank); 0 when there are none.
int64_t percentile(std::vector<int64_t> values, double percent);

}  // namespace caracal::analysis
