#include "runtime/comm/monitor.h"

#include <cstring>

namespace caracal::comm {

void Monitor::fail(Error reason) {
  {
    const std::lock_guard lock(m_mutex);
    if (!m_failure) m_failure = std::move(reason);
    m_failed = true;
  }
  m_changed.notify_all();
}

std::optional<Error> Monitor::failure() const {
  const std::lock_guard lock(m_mutex);
  return m_failure;
}

Result<void> Monitor::check() const {
  if (stopsAtOnce()) return tl::unexpected(stopped());
  if (m_failed) return tl::unexpected(*failure());
  return {};
}

Error Monitor::stopped() const {
  return {ErrorCode::kCancelled,
          fmt::format("ended inside a step by {}; the recording holds the steps before it",
                      strsignal(m_patience.stop->signal)),
          {}};
}

Error Monitor::stalled(const std::string& awaited) const {
  const std::chrono::duration<double> seconds = m_patience.linkTimeout;
  return {ErrorCode::kIo,
          fmt::format("{} did nothing for {:g} s; if they only are slow, give a longer "
                      "--link-timeout",
                      awaited, seconds.count()),
          {}};
}

}  // namespace caracal::comm
