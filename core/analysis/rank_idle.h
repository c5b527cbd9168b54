// Why the compute of a rank is idle, for traces of kernels that mark no passes: every idle
// nanosecond of every step gets one cause, as in idle_causes.h.
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "core/analysis/prepared_run.h"
#include "core/analysis/step_model.h"
#include "core/base/result.h"

namespace caracal::analysis {

struct RankStep {
  uint32_t rankIndex = 0;
  int32_t step = -1;   // the trace's number; -1: it marks no steps, one step is the whole recording
  Span span;           // first GPU work of the step to that of the next; last: to its last end
  int64_t busyNs = 0;  // computation kernels and whole graphs, united
  CauseTimes causes{};  // sum == span.lengthNs() - busyNs
};

// Steps are PyTorch's "ProfilerStep#N"; GPU work belongs to the step that launched it. Rules, the
// first that applies to a moment wins:
//   inside a matched collective     until its last rank came kCollectiveSkew
//   inside a transfer               kWaitUpstream from or to a lower rank, else kWaitDownstream
//   inside any other collective     kTensorTransfer (context- and expert-parallel ones too) or
//                                   kDataParallel where its group says which
//   inside a copy or set            kMemory
//   until a kernel launched only after the one before it had ended     kLaunch
//   inside any other communication  kCommunication
//   the rest                        kUnexplained
// Ranks without GPU work have no rows. Sorted by (rank index, time). Polls `stop` between ranks;
// what it then returns is not complete.
std::vector<RankStep> explainRanks(const PreparedRun& run, const CommNames& comm,
                                   const std::stop_token& stop = {});

}  // namespace caracal::analysis
