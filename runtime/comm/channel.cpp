#include "runtime/comm/channel.h"

#include <algorithm>
#include <utility>

#include "runtime/comm/float_bytes.h"

namespace caracal::comm {

Channel::Channel(Monitor& monitor, Ends ends, Link link, Outlet outlet)
    : m_monitor(monitor), m_ends(ends), m_link(link), m_outlet(outlet) {
  if (outlet.wire == nullptr || outlet.wire->rank() != ends.to) return;
  outlet.wire->listen(outlet.port, [this](int32_t, const Parcel& parcel) {
    const auto& [gradient, chunk, microBatch, beginNs, endNs, unused] = parcel.head;
    static_cast<void>(unused);
    deliver({gradient != 0, static_cast<int32_t>(chunk), static_cast<int32_t>(microBatch)},
            floatsOf(parcel.body), {beginNs, endNs});
  });
}

Transfer Channel::send(const MessageKey& key, std::span<const float> values, int64_t nowNs) {
  const Transfer transfer{nowNs,
                          nowNs + transferNs(m_link, static_cast<int64_t>(values.size_bytes()))};
  if (m_outlet.wire == nullptr) {
    deliver(key, values, transfer);
  } else {
    m_outlet.wire->post(
        m_ends.to, {m_outlet.port,
                    {key.gradient, key.chunk, key.microBatch, transfer.beginNs, transfer.endNs},
                    std::as_bytes(values)});
  }
  return transfer;
}

void Channel::deliver(const MessageKey& key, std::span<const float> values, Transfer transfer) {
  auto lock = m_monitor.lock();
  std::vector<float> copy;
  if (!m_spares.empty()) {
    copy = std::move(m_spares.back());
    m_spares.pop_back();
  }
  lock.unlock();
  copy.assign(values.begin(), values.end());
  lock.lock();
  m_messages.emplace(key, Message{std::move(copy), transfer});
  m_monitor.notify();
}

Result<Transfer> Channel::receive(const MessageKey& key, std::span<float> values) {
  auto lock = m_monitor.lock();
  CARACAL_CHECK_OK(m_monitor.wait(
      lock, [&] { return m_messages.contains(key); },
      [&] {
        return fmt::format(
            "the pipeline link from rank {} stalled: it did not send the {} of micro-batch {} for "
            "chunk {} and",
            m_ends.from, key.gradient ? "gradient" : "activation", key.microBatch, key.chunk);
      }));
  Message message = std::move(m_messages.extract(key).mapped());
  lock.unlock();
  std::copy(message.values.begin(), message.values.end(), values.begin());
  lock.lock();
  m_spares.push_back(std::move(message.values));
  return message.transfer;
}

}  // namespace caracal::comm
