// Long loops that notice a request to stop within milliseconds, at no cost per step.
#pragma once

#include <algorithm>
#include <cstddef>
#include <stop_token>
#include <vector>

#include "core/trace/trace.h"

namespace caracal::trace {

// Steps between two looks at a stop token: about 20 ms of the slowest loops.
inline constexpr size_t kBetweenPolls = size_t{1} << 14;

// Called at each look of this thread, where one is set. Tests count looks by it, and request a stop
// at one of them.
inline thread_local void (*onLook)() = nullptr;

inline bool isStopRequested(const std::stop_token& stop) {
  if (onLook != nullptr) onLook();
  return stop.stop_requested();
}

// The indices [first, last) for a range-based for. Looks at `stop` before the first and then every
// kBetweenPolls; after a request the loop ends early, which the caller tells by the token. Must not
// outlive the token.
template <class Index>
class PolledRange {
 public:
  PolledRange(Index first, Index last, const std::stop_token& stop)
      : m_first(first), m_last(std::max(first, last)), m_stop(&stop) {}

  struct End {};
  class Iterator {
   public:
    Iterator(Index at, Index last, const std::stop_token* stop)
        : m_at(at), m_blockEnd(at), m_last(last), m_stop(stop) {}
    Index operator*() const { return m_at; }
    Iterator& operator++() {
      ++m_at;
      return *this;
    }
    bool operator!=(End) { return m_at != m_blockEnd || nextBlock(); }

   private:
    bool nextBlock() {
      if (m_blockEnd == m_last || isStopRequested(*m_stop)) return false;
      const auto left = static_cast<size_t>(m_last - m_blockEnd);
      m_blockEnd = static_cast<Index>(m_blockEnd + std::min(left, kBetweenPolls));
      return true;
    }
    Index m_at, m_blockEnd, m_last;
    const std::stop_token* m_stop;
  };

  Iterator begin() const { return {m_first, m_last, m_stop}; }
  End end() const { return {}; }

 private:
  Index m_first, m_last;
  const std::stop_token* m_stop;
};

// The events of a track, in time order.
inline PolledRange<EventIndex> eventsOf(const Track& track, const std::stop_token& stop) {
  return {track.firstEvent, track.firstEvent + track.eventCount, stop};
}
inline PolledRange<EventIndex> eventsOf(const Trace& trace, const std::stop_token& stop) {
  return {0, static_cast<EventIndex>(trace.eventCount()), stop};
}
// Positions in a container.
template <class Container>
PolledRange<size_t> placesOf(const Container& container, const std::stop_token& stop) {
  return {0, container.size(), stop};
}

// Gives `values` this size, all equal to `value`. False: stopped before that.
template <class T>
bool polledResize(std::vector<T>& values, size_t size, const T& value,
                  const std::stop_token& stop) {
  values.clear();
  values.reserve(size);
  while (values.size() < size) {
    if (isStopRequested(stop)) return false;
    values.insert(values.end(), std::min(size - values.size(), kBetweenPolls), value);
  }
  return true;
}

}  // namespace caracal::trace
