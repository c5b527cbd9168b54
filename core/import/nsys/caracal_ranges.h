// Ranges of NVTX domain "caracal": steps, passes and what they enclose, put where
// docs/trace-conventions.md says. Steps may be met after what they enclose, so step numbers are
// given at the end.
#pragma once

#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "core/import/nsys/track_directory.h"
#include "core/trace/trace_builder.h"

namespace caracal::import::nsys {

class CaracalRanges {
 public:
  CaracalRanges(trace::TraceBuilder& builder, TrackDirectory& tracks)
      : m_builder(builder), m_tracks(tracks) {}

  // The event's index, so that an open range can be closed later.
  trace::EventIndex add(int64_t globalTid, std::string_view label, int64_t beginNs,
                        int64_t durationNs);
  // Sets args.step of the passes and layers inside a step of their rank. After all ranges are
  // closed.
  void assignSteps();

 private:
  struct StepEvent {
    trace::EventIndex event;
    int32_t step;
  };
  int32_t stepAt(uint32_t rank, int64_t timeNs) const;

  trace::TraceBuilder& m_builder;
  TrackDirectory& m_tracks;
  std::map<uint32_t, std::vector<StepEvent>> m_steps;  // by rank, sorted by begin in assignSteps()
  std::vector<std::pair<trace::EventIndex, uint32_t>> m_inSteps;
};

}  // namespace caracal::import::nsys
