// One direction of the link between two neighbouring pipeline stages. Sending does not block the
// sender; a message can be used by the receiver once its transfer time has passed. Messages keep
// their order.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "core/base/result.h"
#include "runtime/comm/all_reduce.h"
#include "runtime/comm/link.h"
#include "runtime/comm/monitor.h"

namespace caracal::comm {

class Channel {
 public:
  Channel(Monitor& monitor, Link link) : m_monitor(monitor), m_link(link) {}

  // Copies `values` onto the wire at time `nowNs`; returns when they travel.
  Transfer send(std::span<const float> values, int64_t nowNs);

  // Blocks until the next message has been sent and writes it to `values`. The time it arrives is
  // for the receiver's clock to wait for: Transfer::endNs. REQUIRES the size it was sent with.
  Result<Transfer> receive(std::span<float> values);

 private:
  struct Message {
    std::vector<float> values;
    Transfer transfer;
  };
  Monitor& m_monitor;
  Link m_link;
  std::deque<Message> m_messages;            // guarded by m_monitor
  std::vector<std::vector<float>> m_spares;  // guarded by m_monitor; memory that is used again
};

}  // namespace caracal::comm
