// Collectives matched across the ranks of a run: the same call of the same group, wait and transfer
// taken apart.
#pragma once

#include <cstdint>
#include <vector>

#include "core/analysis/comm_names.h"
#include "core/base/intervals.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

struct CollectiveMember {
  uint32_t rankIndex = 0;
  trace::EventIndex event = trace::kNoIndex;
  int64_t waitNs = 0;  // own start to the last start of the group
};

struct MatchedCollective {
  trace::CollectiveKind kind = trace::CollectiveKind::kNone;
  uint32_t group = trace::kNoIndex;  // process group index; kNoIndex: assumed to be all ranks
  int32_t step = -1;
  int64_t ordinal = 0;  // inside (group, kind, step)
  int64_t bytes = -1;
  int64_t transferNs = 0;      // last start to first end, at least 0
  uint32_t lastRankIndex = 0;  // who came last
  std::vector<CollectiveMember> members;
};

struct CollectiveMatching {
  std::vector<MatchedCollective> matched;  // in time order of their last start
  int64_t unmatchedEvents = 0;             // seen on some ranks only (windows differ)
};

// Matches by sequence number where the trace has one, else by (group, kind, order inside a step).
CollectiveMatching matchCollectives(const trace::Trace& trace, const CommNames& comm);

}  // namespace caracal::analysis
