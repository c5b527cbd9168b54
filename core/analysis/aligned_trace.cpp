// alignClocks() of clock.h: a copy of a Trace with the times of some ranks moved.
#include <string>

#include "core/analysis/clock.h"
#include "core/analysis/trace_copy.h"

namespace caracal::analysis {

std::shared_ptr<const trace::Trace> alignClocks(std::shared_ptr<const trace::Trace> trace,
                                                const ClockModel& clocks,
                                                const std::stop_token& stop) {
  if (!clocks.anyCorrected()) return trace;
  int64_t moved = 0;
  for (const RankClock& clock : clocks.ranks) moved += clock.corrected ? 1 : 0;
  const TimeMap onCommonClock = [&](uint32_t rankIndex, int64_t timeNs) {
    const RankClock& clock = clocks.ranks[rankIndex];
    return clock.corrected ? timeNs + clock.offset.at(timeNs) : timeNs;
  };
  trace::TraceBuilder copy = copyTrace(*trace, onCommonClock, {}, stop);
  if (stop.stop_requested() || !copy.pack(stop)) return trace;
  copy.meta()["clockCorrected"] = std::to_string(moved);
  return std::move(copy).finish();
}

}  // namespace caracal::analysis
