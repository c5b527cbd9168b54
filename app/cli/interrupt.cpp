#include "app/cli/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace caracal::cli {
namespace {

constexpr int kInterruptedExit = 130;  // what a shell reports for SIGINT

sigset_t interruptSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

void waitForSignals(const std::stop_token& end, std::stop_source source) {
  const sigset_t signals = interruptSignals();
  for (int received = 0;;) {
    sigwait(&signals, &received);
    if (end.stop_requested()) return;
    if (source.stop_requested()) ::_exit(kInterruptedExit);
    source.request_stop();
  }
}

}  // namespace

InterruptWatch::InterruptWatch() {
  const sigset_t signals = interruptSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  m_waiter = std::jthread(
      [source = m_source](const std::stop_token& end) { waitForSignals(end, source); });
}

InterruptWatch::~InterruptWatch() {
  m_waiter.request_stop();
  pthread_kill(m_waiter.native_handle(), SIGTERM);  // wakes sigwait
}

}  // namespace caracal::cli
