// A TraceBuilder that holds everything a Trace holds, to make a changed Trace from it.
#pragma once

#include <cstdint>
#include <functional>

#include "core/trace/trace_builder.h"

namespace caracal::analysis {

// (rank index, time) -> time; must keep the order of a rank's times.
using TimeMap = std::function<int64_t(uint32_t, int64_t)>;

// Ranks, tracks, groups and events keep their indices inside the builder.
trace::TraceBuilder copyTrace(const trace::Trace& trace, const TimeMap& map);

}  // namespace caracal::analysis
