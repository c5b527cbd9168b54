// LaunchLinks: which call launched which GPU work, by (process, correlation id). Fed with the
// events of a builder in their final order; what it holds until the end is packed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <vector>

#include "core/trace/event_store.h"

namespace caracal::trace {

class LaunchLinks {
 public:
  // The events that follow are of this process, until the next call.
  void beginTrack(uint32_t process);
  // The next event and its correlation id, 0 = none. Calls (kRuntime) launch, all others may have
  // been launched.
  void push(EventKind kind, uint64_t correlation);
  // One more id of the event pushed last, which is a call.
  void addCall(uint64_t correlation);

  // Column EventStore::launch. Where calls of a process share an id, the first one counts. Nothing:
  // stopped. This object is spent.
  std::optional<PackedColumn> link(const std::stop_token& stop) &&;

 private:
  struct Calls {
    ColumnPacker correlations;
    ColumnPacker events;
    uint64_t least = ~uint64_t{0};
    uint64_t most = 0;
  };
  std::map<uint32_t, Calls> m_calls;  // by process
  ColumnPacker m_wanted;              // the id of each event that is no call
  struct Track {
    size_t firstEvent = 0;
    uint32_t process = 0;
  };
  std::vector<Track> m_tracks;
};

}  // namespace caracal::trace
