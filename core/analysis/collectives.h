// Collectives matched across the ranks of a run: the same call of the same group, wait and transfer
// taken apart.
#pragma once

#include <cstdint>
#include <stop_token>
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
  int64_t ordinal = 0;  // sequence number in the group, else order inside (group, kind, step)
  int64_t bytes = -1;
  int64_t lastStartNs = 0;     // when the last member came: waiting ends, the transfer begins
  int64_t transferNs = 0;      // last start to first end, at least 0
  uint32_t lastRankIndex = 0;  // who came last ...
  int64_t marginNs = 0;        // ... and how long after the one before it
  std::vector<CollectiveMember> members;
};

struct CollectiveMatching {
  std::vector<MatchedCollective> matched;  // in time order of their last start
  int64_t unmatchedEvents = 0;             // seen on some ranks only (windows differ)
};

// Matches by sequence number where the trace has one, else by (group, kind, order inside a step);
// the step of a GPU kernel is that of its launch. Recording windows differ between ranks, so where
// ranks show unequal numbers of calls the longer lists are cut at their edges such that ends fit
// best, and calls matched by order must overlap in time on all members. A group that the trace does
// not name is taken to be the tensor-parallel or data-parallel neighbours of the rank (numbered
// calls on the lanes of schedules), for kernels all ranks; a tracer's call without group and number
// stays unmatched.
//
// Ranks of different recordings (recordings.h) are never matched.
//
// Point-to-point traffic (send, receive, and SendRecv kernels whose metadata names no collective)
// and waits are not collectives and not looked at.
//
// Polls `stop` between tracks; what it then returns is not complete.
enum class MatchOrder : uint8_t {
  kOverlapping,  // as above
  // For clocks that are not on common time yet: calls matched by order need not overlap, but all
  // ranks must show equally many of them.
  kAnyTime,
};
CollectiveMatching matchCollectives(const trace::Trace& trace, const CommNames& comm,
                                    MatchOrder order = MatchOrder::kOverlapping,
                                    const std::stop_token& stop = {});

}  // namespace caracal::analysis
