// Which kernels the time of the GPUs went to: by type and by name. Equal to the kernel breakdown of
// Holistic Trace Analysis (HTA, github.com/facebookresearch/HolisticTraceAnalysis, documentation
// page "Kernel Breakdown"); differences are listed in docs/analysis.md.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "core/analysis/comm_names.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

enum class KernelType : uint8_t {
  kComputation,    // kernels that do not communicate
  kCommunication,  // kernels that CommNames matches
  kMemory,         // copies and sets
  kGraph,          // whole CUDA graphs whose kernels were not recorded
};
std::string_view name(KernelType type);  // "COMPUTATION", ... as HTA writes them
// REQUIRES: isGpuWork(trace.kind(event)).
KernelType kernelTypeOf(const trace::Trace& trace, trace::EventIndex event,
                        CommKernelFilter& filter);

enum class MemoryOperations : uint8_t { kIgnored, kCounted };

// Time in which exactly these types ran, summed over ranks: "COMPUTATION overlapping
// COMMUNICATION" excludes the time in which only one of the two ran.
struct KernelTypeTime {
  std::string types;
  int64_t sumNs = 0;
  double percentage = 0;  // of the sum over all rows
};
// Largest first. kIgnored is HTA's default; kCounted adds copies, sets and whole graphs as types.
// Polls `stop` between tracks, as kernelStatistics(); what they then return is not complete.
std::vector<KernelTypeTime> kernelTypeTimes(const trace::Trace& trace, const CommNames& comm,
                                            MemoryOperations memory,
                                            const std::stop_token& stop = {});

// All kernels of one name on one rank. Durations are work: they add up over streams.
struct KernelStatistics {
  int32_t rank = 0;
  KernelType type = KernelType::kComputation;
  std::string name;
  int64_t calls = 0;
  int64_t sumNs = 0, minNs = 0, maxNs = 0;
  double meanNs = 0;
  double stdNs = 0;  // of a sample (divided by calls - 1); 0 for one call
};
// By rank, then type, then the largest sum first.
std::vector<KernelStatistics> kernelStatistics(const trace::Trace& trace, const CommNames& comm,
                                               const std::stop_token& stop = {});

}  // namespace caracal::analysis
