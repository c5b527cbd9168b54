// The one lock and condition that the ranks of a process meet at, and the place where a failure of
// one rank becomes known to all: nobody waits for a rank that is gone, and nobody waits for ever.
//
// Shared state of a run (collectives in flight, messages, the step barrier) is guarded by lock().
// Ranks meet a few hundred times a second and hold the lock for microseconds, so one lock is
// enough.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "core/base/result.h"

namespace caracal::comm {

// How a run is ended from outside. Lock-free, so that a signal handler may write it.
struct StopRequest {
  std::atomic<int> signal{0};       // not 0: end after the step, because of this signal
  std::atomic<bool> atOnce{false};  // do not even end the step
};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

struct Patience {
  std::chrono::nanoseconds linkTimeout = std::chrono::minutes(10);  // of one wait for other ranks
  const StopRequest* stop = nullptr;  // looked at while waiting; nullptr: nobody can ask
};

class Monitor {
 public:
  using Lock = std::unique_lock<std::mutex>;

  explicit Monitor(Patience patience = {}) : m_patience(patience) {}

  Lock lock() { return Lock(m_mutex); }

  // Blocks until ready() holds, which is asked under the lock. Fails when the run has failed (with
  // its reason), when it is to end at once, and after the link timeout, with what awaited() says:
  // the link, and the ranks that did not come. REQUIRES `lock` from this monitor; it is held again
  // on return.
  template <class Ready, class Awaited>
  Result<void> wait(Lock& lock, Ready ready, Awaited awaited) {
    const auto deadline = Clock::now() + m_patience.linkTimeout;
    while (!m_failure && !ready()) {
      if (stopsAtOnce()) return tl::unexpected(stopped());
      const auto now = Clock::now();
      if (now >= deadline) return tl::unexpected(stalled(awaited()));
      m_changed.wait_until(lock, std::min(deadline, now + kGlance));
    }
    if (m_failure) return tl::unexpected(*m_failure);
    return {};
  }

  // Likewise for what nobody notifies of, such as work of a GPU: ready() is asked again and again,
  // without the lock. `grace`: beyond the link timeout, where somebody else can say more about it.
  template <class Ready, class Awaited>
  Result<void> poll(Ready ready, Awaited awaited, std::chrono::nanoseconds grace = {}) const {
    const auto deadline = Clock::now() + m_patience.linkTimeout + grace;
    while (!ready()) {
      if (auto going = check(); !going) return going;
      if (Clock::now() >= deadline) return tl::unexpected(stalled(awaited()));
      std::this_thread::sleep_for(kBetweenLooks);
    }
    return {};
  }
  std::chrono::nanoseconds linkTimeout() const { return m_patience.linkTimeout; }
  // What is to be said after the link timeout.
  Error stalled(const std::string& awaited) const;

  // To be called after changing guarded state that somebody may wait for.
  void notify() { m_changed.notify_all(); }

  // Ends every present and future wait with `reason`. The first failure is kept.
  void fail(Error reason);
  std::optional<Error> failure() const;

  // For work between waits: fails when the run has failed or is to end at once. Takes no lock while
  // all is well.
  Result<void> check() const;

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kGlance{100};  // at the stop request, while waiting
  static constexpr std::chrono::microseconds kBetweenLooks{20};

  bool stopsAtOnce() const { return m_patience.stop != nullptr && m_patience.stop->atOnce; }
  Error stopped() const;

  Patience m_patience;
  mutable std::mutex m_mutex;
  std::condition_variable m_changed;
  std::optional<Error> m_failure;  // guarded by m_mutex
  std::atomic<bool> m_failed{false};
};

}  // namespace caracal::comm
