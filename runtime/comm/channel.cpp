#include "runtime/comm/channel.h"

#include <algorithm>
#include <utility>

namespace caracal::comm {

Transfer Channel::send(const MessageKey& key, std::span<const float> values, int64_t nowNs) {
  auto lock = m_monitor.lock();
  std::vector<float> copy;
  if (!m_spares.empty()) {
    copy = std::move(m_spares.back());
    m_spares.pop_back();
  }
  lock.unlock();
  copy.assign(values.begin(), values.end());
  lock.lock();
  const Transfer transfer{nowNs,
                          nowNs + transferNs(m_link, static_cast<int64_t>(values.size_bytes()))};
  m_messages.emplace(key, Message{std::move(copy), transfer});
  m_monitor.notify();
  return transfer;
}

Result<Transfer> Channel::receive(const MessageKey& key, std::span<float> values) {
  auto lock = m_monitor.lock();
  CARACAL_CHECK_OK(m_monitor.wait(lock, [&] { return m_messages.contains(key); }));
  Message message = std::move(m_messages.extract(key).mapped());
  lock.unlock();
  std::copy(message.values.begin(), message.values.end(), values.begin());
  lock.lock();
  m_spares.push_back(std::move(message.values));
  return message.transfer;
}

}  // namespace caracal::comm
