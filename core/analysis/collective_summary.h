// Matched collectives summed up by group and kind: how much of them was waiting for the last rank
// and how much transfer. A collective's duration alone is mostly waiting and says little.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "core/analysis/collectives.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

struct CollectiveSummary {
  trace::CollectiveKind kind = trace::CollectiveKind::kNone;
  std::string group;    // description or name of the process group; empty: not named by the trace
  int32_t members = 0;  // ranks of the largest call
  int64_t calls = 0;
  int64_t bytes = 0;   // sum over calls whose size is known, one rank's payload each
  int64_t waitNs = 0;  // sum over calls and members: time between coming and the last one's coming
  int64_t transferNs = 0;   // sum over calls
  int32_t latestRank = -1;  // the rank that came last most often ...
  int64_t latestCalls = 0;  // ... and in how many calls
  int64_t untoldCalls = 0;  // calls in which the last two came closer together than clocks can tell
  // Over the calls whose size is known and whose transfer is longer than clocks can tell: data that
  // the collective moves by transfer time, and the same times busFactor(). 0: no such call.
  double algorithmGBps = 0;
  double busGBps = 0;
  bool operator==(const CollectiveSummary&) const = default;
};

// What one member must send and receive over the wire, in bytes of the collective's size, so that
// bandwidths of any number of ranks compare with the link's: 2 (n - 1) / n for an all-reduce,
// (n - 1) / n for all-gather, reduce-scatter and all-to-all, 1 for broadcast and reduce. Source:
// NVIDIA/nccl-tests, doc/PERFORMANCE.md. 0 where the kind is not known.
double busFactor(trace::CollectiveKind kind, int32_t members);

// The bytes that nccl-tests divides by time: the whole buffer, which for an all-gather is the
// payload of all members. -1: not known.
int64_t sizeOf(const MatchedCollective& call);

// In order of waitNs + transferNs, largest first. resolutionNs: ClockModel::resolutionNs. Polls
// `stop`; what it then returns is not complete.
std::vector<CollectiveSummary> summarizeCollectives(const trace::Trace& trace,
                                                    const CollectiveMatching& matching,
                                                    int64_t resolutionNs,
                                                    const std::stop_token& stop = {});

}  // namespace caracal::analysis
