// Pairs begin ("B") and end ("E") events: per row, by name, innermost first.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/trace/trace_builder.h"

namespace caracal::import::chrome {

// The event of a begin is in the builder already, with duration 0, until its end comes.
class OpenRanges {
 public:
  void begin(trace::TrackIndex row, trace::NameId name, trace::EventIndex event);
  // The begun event that an end of this name closes, or the innermost one when the end has no name
  // (0). Sets its duration. Counts ends without a begin, and ends before their begin.
  std::optional<trace::EventIndex> end(trace::TrackIndex row, trace::NameId name, int64_t endNs,
                                       trace::TraceBuilder& builder);
  // Ends everything that is still open at `endNs`, counted.
  void closeAll(int64_t endNs, trace::TraceBuilder& builder);

 private:
  struct Open {
    trace::NameId name;
    trace::EventIndex event;
  };
  std::unordered_map<trace::TrackIndex, std::vector<Open>> m_open;  // per row, outermost first
};

}  // namespace caracal::import::chrome
