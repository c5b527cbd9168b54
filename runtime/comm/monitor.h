// The one lock and condition that the ranks of a run meet at, and the place where a failure of one
// rank becomes known to all: nobody waits for a rank that is gone.
//
// Shared state of a run (collectives in flight, messages, the step barrier) is guarded by lock().
// Ranks meet a few hundred times a second and hold the lock for microseconds, so one lock is
// enough.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>

#include "core/base/result.h"

namespace caracal::comm {

class Monitor {
 public:
  using Lock = std::unique_lock<std::mutex>;

  Lock lock() { return Lock(m_mutex); }

  // Blocks until ready() holds, which is asked under the lock, or until the run has failed; then
  // the reason is returned. REQUIRES `lock` from this monitor; it is held again on return.
  template <class Ready>
  Result<void> wait(Lock& lock, Ready ready) {
    m_changed.wait(lock, [&] { return m_failure.has_value() || ready(); });
    if (m_failure) return tl::unexpected(*m_failure);
    return {};
  }

  // To be called after changing guarded state that somebody may wait for.
  void notify() { m_changed.notify_all(); }

  // Ends every present and future wait with `reason`. The first failure is kept.
  void fail(Error reason);
  std::optional<Error> failure() const;

 private:
  mutable std::mutex m_mutex;
  std::condition_variable m_changed;
  std::optional<Error> m_failure;  // guarded by m_mutex
};

}  // namespace caracal::comm
