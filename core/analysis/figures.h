// Per-device figures of a trace or a range of it: busy, compute, communication, exposed, idle.
// Definitions: every value is the length of a union of intervals in integer ns, never a sum.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/analysis/comm_names.h"
#include "core/base/intervals.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

// A rank without GPU rows is described by its schedule work instead (recordings of the CPU backend,
// simulations, op-level tracers): compute is the union of kCompute and kRecompute, or of the F, B
// and W passes where no operators are recorded inside them; communication is the union of kComm;
// busy is the union of both.
//
// For every row: overlap = compute + comm - |compute u comm| = commNs - exposedCommNs, and
// computeNs + exposedCommNs <= busyNs <= spanNs, idleNs = spanNs - busyNs.
struct DeviceFigures {
  uint32_t rankIndex = 0;  // into Trace::ranks()
  int32_t rank = 0;
  std::string device;         // Rank::deviceKey of the device; "" for schedule work
  int64_t spanNs = 0;         // first start to last end of the work counted in busyNs
  int64_t busyNs = 0;         // kernels, copies, sets, whole-graph rows
  int64_t computeNs = 0;      // non-communication kernels
  int64_t commNs = 0;         // communication kernels
  int64_t exposedCommNs = 0;  // communication with no compute kernel running
  int64_t idleNs = 0;         // span - busy
  double overlapPct = 0;      // 100 (comm - exposed) / comm; 0 when there is no communication
};

// Counts per device for `caracal info`.
struct DeviceCounts {
  uint32_t rankIndex = 0;
  int32_t rank = 0;
  std::string device;
  // Of the whole rank, and on its first row only, so that rows can be added up.
  int64_t events = 0;     // records of the input
  int64_t cpuEvents = 0;  // operators, API calls, annotations, Python frames, instants of the host
  int64_t gpuKernels = 0, gpuMemcpy = 0, gpuMemset = 0, gpuGraphs = 0;
  int64_t ncclKernels = 0;                    // those that CommNames matches
  std::map<std::string, int64_t> ncclByKind;  // "AllReduce" -> kernels
};

// One row per (rank, device) that has GPU work, in order of rank and device; ranks without any get
// one row with device "". `range` clips every interval; without it the whole trace. Linear in the
// events. Polls `stop` between tracks; what it then returns is not complete.
std::vector<DeviceFigures> deviceFigures(const trace::Trace& trace, const CommNames& comm,
                                         std::optional<Span> range = {},
                                         const std::stop_token& stop = {});
// Polls `stop` as deviceFigures() does.
std::vector<DeviceCounts> deviceCounts(const trace::Trace& trace, const CommNames& comm,
                                       const std::stop_token& stop = {});

}  // namespace caracal::analysis
