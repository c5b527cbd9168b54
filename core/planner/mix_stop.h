// MixStop: when a long search gives up: asked to, or out of time.
#pragma once

#include <chrono>
#include <stop_token>
#include <utility>

namespace caracal::planner {

struct MixStop {
  using Clock = std::chrono::steady_clock;
  std::stop_token token;
  Clock::time_point deadline = Clock::time_point::max();
  bool requested() const { return token.stop_requested() || Clock::now() >= deadline; }
};

// 0 seconds: no limit of time.
inline MixStop stopAfter(double seconds, std::stop_token token) {
  MixStop stop{std::move(token)};
  if (seconds > 0) {
    stop.deadline = MixStop::Clock::now() + std::chrono::duration_cast<MixStop::Clock::duration>(
                                                std::chrono::duration<double>(seconds));
  }
  return stop;
}

}  // namespace caracal::planner
