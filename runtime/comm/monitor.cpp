#include "runtime/comm/monitor.h"

namespace caracal::comm {

void Monitor::fail(Error reason) {
  {
    const std::lock_guard lock(m_mutex);
    if (!m_failure) m_failure = std::move(reason);
  }
  m_changed.notify_all();
}

std::optional<Error> Monitor::failure() const {
  const std::lock_guard lock(m_mutex);
  return m_failure;
}

}  // namespace caracal::comm
