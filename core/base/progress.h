// Progress and cancellation for long work. Work takes a `std::stop_token` and a `Progress`, polls
// the first at least every 50 ms and reports through the second; both are cheap to copy and may be
// empty.
#pragma once

#include <functional>
#include <string_view>

namespace caracal {

// Called from worker threads, at most a few times per phase percent; must not block.
// fraction is in [0, 1], phase a short present participle ("reading rank 3").
using Progress = std::function<void(double fraction, std::string_view phase)>;

inline void report(const Progress& progress, double fraction, std::string_view phase) {
  if (progress) progress(fraction, phase);
}

}  // namespace caracal
