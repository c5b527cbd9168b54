// InterruptWatch: turns the first SIGINT or SIGTERM into a stop request; the second ends the
// program at once. Made first thing in main(), before any thread: it blocks both signals for all
// threads.
#pragma once

#include <stop_token>
#include <thread>

namespace caracal::cli {

class InterruptWatch {
 public:
  InterruptWatch();
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;
  std::stop_token token() const { return m_source.get_token(); }

 private:
  std::stop_source m_source;
  std::jthread m_waiter;
};

}  // namespace caracal::cli
