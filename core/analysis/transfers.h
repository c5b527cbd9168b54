// Sends and receives of two ranks, matched.
#pragma once

#include <cstdint>
#include <map>
#include <stop_token>
#include <utility>
#include <vector>

#include "core/analysis/comm_names.h"
#include "core/base/intervals.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

enum class TransferSide : uint8_t { kNone, kSend, kReceive };
// By the event's metadata, or by its name ("send.fwd", "recv.bwd") where a schedule has none.
TransferSide transferSide(const trace::Trace& trace, trace::EventIndex event);

// Kernels that move data between two ranks: said by their metadata, or "SendRecv" kernels without
// any, which may be an all-to-all: not where the host launched them inside PyTorch's
// "nccl:all_to_all" annotation, nor where the launch is not recorded and the rank has such
// annotations. Must not outlive the trace.
class PointToPoint {
 public:
  // Polls `stop`; what it then says is not to be used.
  PointToPoint(const trace::Trace& trace, const CommNames& comm, const std::stop_token& stop = {});
  bool is(trace::EventIndex event);

 private:
  bool isLaunchedInExchange(trace::EventIndex event) const;

  const trace::Trace& m_trace;
  CommKernelFilter m_filter;
  // Annotations of all-to-alls, by rank index and thread, by begin.
  std::map<std::pair<uint32_t, int64_t>, std::vector<Span>> m_exchanges;
};

struct MatchedTransfer {
  trace::EventIndex send = trace::kNoIndex;
  trace::EventIndex receive = trace::kNoIndex;
  uint32_t sender = 0;  // rank indices
  uint32_t receiver = 0;
};

struct TransferMatching {
  std::vector<MatchedTransfer> matched;  // by the end of the receive
  int64_t unmatchedEvents = 0;
};

// Transfers on lanes of schedules, and kernels whose metadata says send or receive and with whom.
// The n-th send of A to B in one direction, step and micro-batch is the n-th receive of B from A;
// where one side saw more, the longer list is cut at its edges so that ends fit best. SendRecv
// kernels without metadata may be anything and are not looked at. Polls `stop` between tracks; what
// it then returns is not complete.
TransferMatching matchTransfers(const trace::Trace& trace, const CommNames& comm,
                                const std::stop_token& stop = {});

}  // namespace caracal::analysis
