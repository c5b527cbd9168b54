// A TraceBuilder that holds everything a Trace holds, to make a changed Trace from it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>

#include "core/trace/trace_builder.h"

namespace caracal::analysis {

// (rank index, time) -> time; must keep the order of a rank's times.
using TimeMap = std::function<int64_t(uint32_t, int64_t)>;
// Arguments of an event of the source -> those of its copy.
using ArgsMap = std::function<std::optional<trace::EventArgs>(trace::EventIndex,
                                                              std::optional<trace::EventArgs>)>;

// Ranks, tracks, groups and events keep their indices inside the builder.
// `args`: what the copies hold; empty: what the events do. Polls `stop` between tracks; what it
// then returns is not complete.
trace::TraceBuilder copyTrace(const trace::Trace& trace, const TimeMap& map,
                              const ArgsMap& args = {}, const std::stop_token& stop = {});

}  // namespace caracal::analysis
