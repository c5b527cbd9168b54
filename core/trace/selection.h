// Selection: what of a run to keep when its parts are put together. Everything else is left out and
// counted (Defect::kLeftOutByRequest).
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/trace/trace.h"

namespace caracal::trace {

struct Selection {
  struct RankRange {
    int32_t first = 0;
    int32_t last = 0;  // inclusive
  };
  std::vector<RankRange> ranks;  // empty: all
  // Events that touch [fromNs, toNs), counted from the first event of the run, of all its ranks.
  std::optional<int64_t> fromNs;
  std::optional<int64_t> toNs;
  std::vector<EventKind> kinds;  // empty: all

  bool takesAll() const { return ranks.empty() && !fromNs && !toNs && kinds.empty(); }
  bool takesRank(int32_t rank) const;
  bool takesKind(EventKind kind) const;
  // The selection in words, equal for equal ones; empty when it takes all.
  std::string text() const;
};

// The selected part of `data`; `runBeginNs` is the first event's begin of the whole run. Launches
// and flows whose other end is left out are gone. Nothing: stopped.
std::optional<TraceData> select(TraceData data, const Selection& selection, int64_t runBeginNs,
                                const std::stop_token& stop);

}  // namespace caracal::trace
