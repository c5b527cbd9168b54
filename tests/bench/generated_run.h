// A run made for benchmarks: 64 ranks, each with a host thread that launches kernels onto a stream
// (operator, launch and kernel, over and over; kernels wait for their launch and their stream).
#pragma once

#include <cstdint>
#include <memory>

#include "core/trace/trace.h"

namespace caracal::bench {

inline constexpr int kGeneratedRanks = 64;

// 100 million, or what CARACAL_BENCH_EVENTS says.
int64_t eventsWanted();

struct GeneratedRun {
  std::shared_ptr<const trace::Trace> trace;
  double seconds = 0;  // that making it took
};
// Of eventsWanted() events; made at the first call and kept.
const GeneratedRun& generatedRun();

}  // namespace caracal::bench
