// PendingQueue: fates whose windows are being searched, cheapest first. Used by heu_search.cpp
// alone.
#pragma once

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "core/planner/window_search.h"

namespace caracal::planner {

// Fates by what their windows cost at least; among equals those that came first.
class PendingQueue {
 public:
  bool empty() const { return m_heap.empty(); }
  const FateSearch::Bound& least() const { return m_heap.front().pending.least; }
  void push(WindowSearch::Pending pending) {
    m_heap.push_back({std::move(pending), m_pushed++});
    std::push_heap(m_heap.begin(), m_heap.end(), dearer);
  }
  WindowSearch::Pending pop() {
    std::pop_heap(m_heap.begin(), m_heap.end(), dearer);
    WindowSearch::Pending pending = std::move(m_heap.back().pending);
    m_heap.pop_back();
    return pending;
  }

 private:
  struct Entry {
    WindowSearch::Pending pending;
    int64_t order = 0;
  };
  static bool dearer(const Entry& a, const Entry& b) {
    return std::tie(b.pending.least, b.order) < std::tie(a.pending.least, a.order);
  }
  std::vector<Entry> m_heap;
  int64_t m_pushed = 0;
};

}  // namespace caracal::planner
