#include "runtime/comm/step_barrier.h"

namespace caracal::comm {

Result<void> StepBarrier::arrive(const std::function<Result<void>()>& whenAll) {
  auto lock = m_monitor.lock();
  const uint64_t round = m_round;
  if (++m_arrived < m_ranks) return m_monitor.wait(lock, [&] { return m_round != round; });
  // Everybody else waits for the round to end, so nothing they own is touched while the lock is
  // open.
  lock.unlock();
  if (auto done = whenAll(); !done) {
    m_monitor.fail(done.error());
    return done;
  }
  lock.lock();
  m_arrived = 0;
  ++m_round;
  m_monitor.notify();
  return {};
}

}  // namespace caracal::comm
