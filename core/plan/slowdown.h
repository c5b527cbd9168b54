// Whole nanoseconds of what is slowed down by a factor in parts per million: rounded half up.
#pragma once

#include <cstdint>

namespace caracal::plan {

inline constexpr int64_t kPpm = 1'000'000;

// How long something takes that takes `aloneNs` by itself.
constexpr int64_t slowedNs(int64_t aloneNs, int64_t ppm) {
  return ppm == kPpm ? aloneNs : (aloneNs * ppm + kPpm / 2) / kPpm;
}

// How much of it, in its own time, is done after a time so slowed down.
constexpr int64_t doneNs(int64_t slowedNs, int64_t ppm) {
  return ppm == kPpm ? slowedNs : (slowedNs * kPpm + ppm / 2) / ppm;
}

}  // namespace caracal::plan
