// Ranges of NVTX domain "caracal": steps, passes and what they enclose, put where
// docs/trace-conventions.md says. Steps may be met after what they enclose, so step numbers are
// given at the end.
#pragma once

#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "core/import/nsys/reading.h"

namespace caracal::import::nsys {

class CaracalRanges {
 public:
  explicit CaracalRanges(Reading& reading) : m_reading(reading), m_builder(reading.builder) {}

  enum class End : uint8_t { kKnown, kOpen };
  // The event's index, so that an open range can be closed later; kNoIndex for one that ends before
  // what was asked for. Steps are always kept: others take their numbers from them.
  trace::EventIndex add(int64_t globalTid, std::string_view label, Times times, End end);
  // Sets args.step of the passes and layers inside a step of their rank. After all ranges are
  // closed.
  void assignSteps();

 private:
  struct StepEvent {
    trace::EventIndex event;
    int32_t step;
  };
  int32_t stepAt(uint32_t rank, int64_t timeNs) const;

  Reading& m_reading;
  trace::TraceBuilder& m_builder;
  std::map<uint32_t, std::vector<StepEvent>> m_steps;  // by rank, sorted by begin in assignSteps()
  std::vector<std::pair<trace::EventIndex, uint32_t>> m_inSteps;
};

}  // namespace caracal::import::nsys
