// Per-device figures of a trace or a range of it: busy, compute, communication, exposed, idle.
// Definitions: every value is the length of a union of intervals in integer ns, never a sum.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/analysis/comm_names.h"
#include "core/base/intervals.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

struct DeviceFigures {
  uint32_t rankIndex = 0;    // into Trace::ranks()
  int32_t rank = 0;
  std::string device;        // Rank::deviceKey of the device
  int64_t spanNs = 0;        // first start to last end of GPU work
  int64_t busyNs = 0;        // kernels, copies, sets, whole-graph rows (or schedule work, when no GPU rows exist)
  int64_t computeNs = 0;     // non-communication kernels
  int64_t commNs = 0;        // communication kernels
  int64_t exposedCommNs = 0; // communication with no compute kernel running
  int64_t idleNs = 0;        // span - busy
  double overlapPct = 0;     // 100 (comm - exposed) / comm; 0 when there is no communication
};

// Counts per device for `caracal info`.
struct DeviceCounts {
  uint32_t rankIndex = 0;
  int32_t rank = 0;
  std::string device;
  int64_t events = 0;        // records of the input
  int64_t cpuEvents = 0;
  int64_t gpuKernels = 0, gpuMemcpy = 0, gpuMemset = 0, gpuGraphs = 0;
  int64_t ncclKernels = 0;
  std::map<std::string, int64_t> ncclByKind;  // "AllReduce" -> kernels
};

// One row per (rank, device) that has GPU work; ranks without any get one row with device "".
// `range` clips every interval; without it the whole trace.
std::vector<DeviceFigures> deviceFigures(const trace::Trace& trace, const CommNames& comm,
                                         std::optional<Span> range = {});
std::vector<DeviceCounts> deviceCounts(const trace::Trace& trace, const CommNames& comm);

}  // namespace caracal::analysis
