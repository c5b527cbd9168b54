// SIGINT and SIGTERM as a request to end: the run ends after the step; inside it when a second
// signal comes, or when the step has not ended some seconds later. A third one ends the process.
#pragma once

#include <csignal>
#include <thread>

#include "runtime/comm/monitor.h"

namespace caracal::command {

// One at a time in a process. (Signals are caught by a handler, not awaited by a thread: OpenBLAS
// starts threads before main() that nobody could keep them from.)
class SignalWatch {
 public:
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  const comm::StopRequest& request() const { return m_request; }

 private:
  static void onSignal(int signal);
  void endStepInTime(const std::stop_token& end);

  comm::StopRequest m_request;
  struct sigaction m_interrupt {
  }, m_terminate{};  // as they were
  std::jthread m_thread;
};

}  // namespace caracal::command
