// Matched collectives summed up by group and kind: how much of them was waiting for the last rank
// and how much transfer. A collective's duration alone is mostly waiting and says little.
#pragma once

#include <cstdint>
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
  bool operator==(const CollectiveSummary&) const = default;
};

// In order of waitNs + transferNs, largest first.
std::vector<CollectiveSummary> summarizeCollectives(const trace::Trace& trace,
                                                    const CollectiveMatching& matching);

}  // namespace caracal::analysis
