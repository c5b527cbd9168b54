// Which of the ranks opened together were recorded together. Files of one run share moments and
// collectives; a second recording of the same ranks, or one made at another time, does not and is
// never compared with the first.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/intervals.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

struct Recording {
  std::vector<uint32_t> rankIndices;  // ascending
  std::vector<std::string> files;
  Span range;  // first begin to last end of its events
};

struct Recordings {
  std::vector<Recording> list;            // by first rank index; at least one when there are ranks
  std::vector<uint32_t> recordingOfRank;  // per rank index, into list
  std::vector<std::string> reasons;       // why there are several, in words; empty for one
};

// Ranks of one file belong together. Files belong together when their times overlap and none claims
// a rank number, or a place in the pipeline, that another has. Files whose times do not overlap
// still belong together when at least 16 collectives with equal sequence numbers end in step on
// both: then their clocks differ, not their run (clock.h).
// Polls `stop`; what it then returns is not complete.
Recordings findRecordings(const trace::Trace& trace, const std::stop_token& stop = {});

}  // namespace caracal::analysis
