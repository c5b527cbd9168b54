// What happens between the operations of each GPU stream and their launches: why a stream idles,
// how long its queue is, how launches go. Definitions are those of Holistic Trace Analysis (HTA):
// "Idle Time Breakdown", "Augmented Counters" and "CUDA Kernel Launch Statistics" of its
// documentation; differences are listed in docs/analysis.md.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "core/trace/trace.h"

namespace caracal::analysis {

enum class GapCause : uint8_t {
  kHostWait,    // the next operation was launched after the one before had ended
  kKernelWait,  // launched in time, and the gap is shorter than kernelGapNs
  kOther,       // the rest: an event or another stream was waited for, or no launch is recorded
  kCount
};
inline constexpr size_t kGapCauseCount = static_cast<size_t>(GapCause::kCount);
std::string_view name(GapCause cause);  // "host_wait", "kernel_wait", "other" as HTA writes them

// HTA's consecutive_kernel_delay.
inline constexpr int64_t kDefaultKernelGapNs = 30;

// All functions here poll `stop` between tracks; what they then return is not complete.

// Gaps between the consecutive operations of one stream, all causes together 100 %.
struct StreamGaps {
  int32_t rank = 0;
  int64_t stream = 0;
  int64_t causeNs[kGapCauseCount] = {};
  int64_t totalNs() const { return causeNs[0] + causeNs[1] + causeNs[2]; }
};
std::vector<StreamGaps> streamGaps(const trace::Trace& trace,
                                   int64_t kernelGapNs = kDefaultKernelGapNs,
                                   const std::stop_token& stop = {});

// Outstanding operations of a stream: launches begun less operations begun, at each change. Only
// operations with a recorded launch count.
struct QueueLength {
  int32_t rank = 0;
  int64_t stream = 0;
  int64_t changes = 0;  // HTA's "count"
  double mean = 0, std = 0;
  int64_t least = 0, most = 0;
  double quarter = 0, half = 0, threeQuarters = 0;  // quantiles, linear between ranks
  int64_t fullNs = 0;  // time with at least kFullQueue operations outstanding
};
inline constexpr int64_t kFullQueue = 1024;
std::vector<QueueLength> queueLengths(const trace::Trace& trace, const std::stop_token& stop = {});

// Launches of one rank with their GPU operation.
struct LaunchStatistics {
  int32_t rank = 0;
  int64_t launches = 0;
  int64_t shortKernels = 0;       // operation shorter than its call, call up to kLongCallNs
  int64_t longCalls = 0;          // calls over kLongCallNs
  int64_t longDelays = 0;         // delays over kLongDelayNs
  int64_t medianCallNs = 0;       // host call
  int64_t medianOperationNs = 0;  // on the GPU
  int64_t medianDelayNs = 0;  // end of the call to begin of the operation, negative when earlier
};
inline constexpr int64_t kLongCallNs = 50'000;    // HTA's runtime_cutoff
inline constexpr int64_t kLongDelayNs = 100'000;  // HTA's launch_delay_cutoff
std::vector<LaunchStatistics> launchStatistics(const trace::Trace& trace,
                                               const std::stop_token& stop = {});

}  // namespace caracal::analysis
