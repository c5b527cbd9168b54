// Medians of integer figures. Timings have long tails to one side, so a median is what a profile
// keeps.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace caracal {

// Of an even count: the middle between the two middle values, rounded down; 0 when there are none.
inline int64_t median(std::vector<int64_t> values) {
  if (values.empty()) return 0;
  const auto upper = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), upper, values.end());
  if (values.size() % 2 == 1) return *upper;
  const int64_t lower = *std::max_element(values.begin(), upper);
  return lower + (*upper - lower) / 2;
}

}  // namespace caracal
