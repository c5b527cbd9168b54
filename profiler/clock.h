// The recorder's clock: CLOCK_MONOTONIC_RAW, which nobody sets and NTP does not bend. CUPTI is told
// to use it too, so that GPU work, host calls and NVTX ranges share it.
#pragma once

#include <time.h>

#include <cstdint>

namespace caracal::profiler {

inline int64_t readClock(clockid_t clock) noexcept {
  timespec time{};
  ::clock_gettime(clock, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

inline int64_t nowNs() noexcept {
  return readClock(CLOCK_MONOTONIC_RAW);
}

}  // namespace caracal::profiler
