// Counts the looks that long loops of this thread take at a stop token, and requests the stop at
// one of them: tests of what a request in the middle does need no clock.
#pragma once

#include <cstddef>
#include <limits>
#include <stop_token>

#include "core/trace/polled_range.h"

namespace caracal::test {

class StopLooks {
 public:
  // `requestAt`: the number of the look, from 0 on, that finds the request; never by default.
  explicit StopLooks(size_t requestAt = std::numeric_limits<size_t>::max())
      : m_requestAt(requestAt) {
    s_current = this;
    trace::onLook = [] { s_current->look(); };
  }
  ~StopLooks() {
    trace::onLook = nullptr;
    s_current = nullptr;
  }
  StopLooks(const StopLooks&) = delete;
  StopLooks& operator=(const StopLooks&) = delete;

  std::stop_token token() const { return m_source.get_token(); }
  size_t count() const { return m_count; }
  // Looks behind the one that found the request.
  size_t afterRequest() const { return m_count > m_requestAt ? m_count - m_requestAt - 1 : 0; }

 private:
  void look() {
    if (m_count++ == m_requestAt) m_source.request_stop();
  }

  static inline thread_local StopLooks* s_current = nullptr;
  std::stop_source m_source;
  size_t m_requestAt = 0;
  size_t m_count = 0;
};

}  // namespace caracal::test
