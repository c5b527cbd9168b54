#include "app/cli/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <mutex>
#include <utility>

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

std::mutex g_takeoverMutex;  // guards the next; held while it is called
SignalTakeover::OnSignal g_takeover;

bool takenOver(const siginfo_t& received) {
  const std::lock_guard lock(g_takeoverMutex);
  if (!g_takeover) return false;
  g_takeover(received.si_signo, received.si_code == SI_KERNEL);
  return true;
}

void waitForSignals(const std::stop_token& end, std::stop_source source) {
  const sigset_t signals = interruptSignals();
  for (;;) {
    siginfo_t received{};
    if (sigwaitinfo(&signals, &received) < 0) continue;
    if (end.stop_requested()) return;
    if (takenOver(received)) continue;
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
  pthread_kill(m_waiter.native_handle(), SIGTERM);  // wakes sigwaitinfo
}

SignalTakeover::SignalTakeover(OnSignal onSignal) {
  const std::lock_guard lock(g_takeoverMutex);
  g_takeover = std::move(onSignal);
}

SignalTakeover::~SignalTakeover() {
  const std::lock_guard lock(g_takeoverMutex);
  g_takeover = nullptr;
}

}  // namespace caracal::cli
