// How much longer passes take than the sum of their operators' medians; part of
// profileFromRecording().
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "core/base/intervals.h"
#include "core/profile/recorded_times.h"
#include "core/trace/trace.h"

namespace caracal::profile {

// By index of the rank: when data of its collectives moved. What a pass waits for in that time is
// the link, not a slower rank.
using TransferSpans = std::map<uint32_t, std::vector<Span>>;

// All time inside the passes of `steps`, over all ranks, that is no transfer and no recomputation,
// over the medians of the operators that ran in it. 1 where nothing ran.
PassSpread passSpread(const trace::Trace& trace, const std::set<int32_t>& steps,
                      const std::map<OperatorKey, Samples>& operators, TransferSpans transfers);

}  // namespace caracal::profile
