// One direction of the link between two positions of the pipeline. Sending does not block the
// sender; a message can be used by the receiver once its transfer time has passed. A receiver asks
// for a message by name: schedules with several chunks per position receive in another order than
// is sent.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "core/base/result.h"
#include "runtime/comm/link.h"
#include "runtime/comm/monitor.h"
#include "runtime/comm/reduce_group.h"

namespace caracal::comm {

struct MessageKey {
  bool gradient = false;  // of an activation; false: the activation
  int32_t chunk = 0;      // of the model, that it goes to
  int32_t microBatch = 0;
  bool operator<(const MessageKey& other) const {
    return std::tie(gradient, chunk, microBatch) <
           std::tie(other.gradient, other.chunk, other.microBatch);
  }
};

// The ranks at the ends of a channel.
struct Ends {
  int32_t from = 0, to = 1;
};

class Channel {
 public:
  Channel(Monitor& monitor, Ends ends, Link link, Outlet outlet = {});
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Copies `values` onto the link at time `nowNs`; returns when they travel. REQUIRES that no
  // message of that name is on it.
  Transfer send(const MessageKey& key, std::span<const float> values, int64_t nowNs);

  // Blocks until the message has been sent and writes it to `values`. The time it arrives is for
  // the receiver's clock to wait for: Transfer::endNs. REQUIRES the size it was sent with.
  Result<Transfer> receive(const MessageKey& key, std::span<float> values);

 private:
  struct Message {
    std::vector<float> values;
    Transfer transfer;
  };
  void deliver(const MessageKey& key, std::span<const float> values, Transfer transfer);

  Monitor& m_monitor;
  Ends m_ends;
  Link m_link;
  Outlet m_outlet;
  std::map<MessageKey, Message> m_messages;  // guarded by m_monitor
  std::vector<std::vector<float>> m_spares;  // guarded by m_monitor; memory that is used again
};

}  // namespace caracal::comm
