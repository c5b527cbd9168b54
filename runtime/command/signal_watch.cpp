#include "runtime/command/signal_watch.h"

#include <atomic>
#include <chrono>

namespace caracal::command {
namespace {

constexpr std::chrono::seconds kGrace{5};  // for the step to end
constexpr std::chrono::milliseconds kGlance{100};

std::atomic<comm::StopRequest*> g_request{nullptr};
static_assert(std::atomic<comm::StopRequest*>::is_always_lock_free);

}  // namespace

SignalWatch::SignalWatch() {
  g_request = &m_request;
  struct sigaction action {};
  action.sa_handler = onSignal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &m_interrupt);
  sigaction(SIGTERM, &action, &m_terminate);
  m_thread = std::jthread([this](const std::stop_token& end) { endStepInTime(end); });
}

SignalWatch::~SignalWatch() {
  sigaction(SIGINT, &m_interrupt, nullptr);
  sigaction(SIGTERM, &m_terminate, nullptr);
  g_request = nullptr;
}

void SignalWatch::onSignal(int signal) {
  comm::StopRequest& request = *g_request;
  if (request.atOnce) {
    std::signal(signal, SIG_DFL);
    raise(signal);
  } else if (request.signal != 0) {
    request.atOnce = true;
  } else {
    request.signal = signal;
  }
}

void SignalWatch::endStepInTime(const std::stop_token& end) {
  while (!end.stop_requested() && m_request.signal == 0) std::this_thread::sleep_for(kGlance);
  const auto deadline = std::chrono::steady_clock::now() + kGrace;
  while (!end.stop_requested() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(kGlance);
  if (!end.stop_requested()) m_request.atOnce = true;
}

}  // namespace caracal::command
