#include "core/trace/event_store.h"

#include <algorithm>
#include <array>
#include <limits>

namespace caracal::trace {

std::string_view name(EventKind kind) {
  static constexpr std::array<std::string_view, kEventKindCount> kNames{
      "kernel",          "memcpy",     "memset",  "graph",   "sync",
      "gpu annotation",  "cuda event", "cpu op",  "runtime", "annotation",
      "python function", "overhead",   "instant", "pass",    "compute",
      "recompute",       "comm",       "other"};
  return kNames[static_cast<size_t>(kind)];
}

size_t EventStore::memoryBytes() const {
  return begin.memoryBytes() + duration.memoryBytes() + name.memoryBytes() + kind.memoryBytes() +
         launch.memoryBytes() + argsRow.memoryBytes() + args.memoryBytes();
}

Span rangeOf(const EventStore& events) {
  if (events.size() == 0) return {};
  Span range{std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()};
  for (EventIndex e = 0; e < events.size(); ++e) {
    const int64_t begin = events.begin[e];
    range.beginNs = std::min(range.beginNs, begin);
    range.endNs = std::max(range.endNs, begin + events.duration[e]);
  }
  return range;
}

void EventPacker::pushUnlinked(const StoredEvent& event) {
  m_begin.push(event.beginNs);
  m_duration.push(event.durationNs);
  m_name.push(event.name);
  m_kind.push(static_cast<int64_t>(event.kind));
  m_argsRow.push(event.argsRow == kNoIndex ? 0 : int64_t{event.argsRow} + 1);
}

EventStore EventPacker::finish() && {
  EventStore store;
  store.begin = std::move(m_begin).finish();
  store.duration = std::move(m_duration).finish();
  store.name = std::move(m_name).finish();
  store.kind = std::move(m_kind).finish();
  store.launch = std::move(m_launch).finish();
  store.argsRow = std::move(m_argsRow).finish();
  store.args = std::move(m_args).finish();
  return store;
}

}  // namespace caracal::trace
