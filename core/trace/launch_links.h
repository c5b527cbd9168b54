// LaunchLinks: which call launched which GPU work, by (process, correlation id). Fed with the
// events of a builder in their final order; what it holds until the end is packed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>

#include "core/trace/event_store.h"

namespace caracal::trace {

class LaunchLinks {
 public:
  // The next event and its correlation id, 0 = none. Calls (kRuntime) launch, all others may have
  // been launched. Events of one process come one behind the other or not, as they like.
  void push(uint32_t process, EventKind kind, uint64_t correlation);
  // One more id of the event pushed last, which is a call.
  void addCall(uint32_t process, uint64_t correlation);

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
  // Of each event that is no call: its id and its process.
  ColumnPacker m_wanted;
  ColumnPacker m_processes;
};

}  // namespace caracal::trace
