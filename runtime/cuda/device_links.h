// What connects a rank on a GPU with others, whatever carries it: the memory of one GPU that all
// ranks share (virtual_links.h) or NCCL between processes (nccl_links.h). Everything is put on
// streams; calls wait for other ranks' calls at most, never for a GPU.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/comm/channel.h"
#include "runtime/comm/layout.h"
#include "runtime/comm/link.h"
#include "runtime/cuda/check.h"
#include "runtime/cuda/rank_model.h"

namespace caracal::cuda {

// When a transfer had its link: as events of the link's stream, and on a virtual clock.
struct TransferEvents {
  Event begin, end;
  comm::Transfer onClock;
  int64_t askedNs = -1;  // of an emulated link: how long it was to take
};

// As errors call a collective.
constexpr const char* nameOf(comm::Pattern pattern) {
  if (pattern == comm::Pattern::kAllGather) return "all-gather";
  return pattern == comm::Pattern::kReduceScatter ? "reduce-scatter" : "all-reduce";
}

// All-reduce, reduce-scatter and all-gather between the members of a group; see comm::ReduceGroup.
// Parts of members are equal and have member order.
class DeviceGroup {
 public:
  virtual ~DeviceGroup() = default;

  struct Share {
    // The same, or the one this member's part of the other.
    RankModel::Buffer in, out;
    Event ready;  // behind what made `in`, and before which `out` was free
    Number number = Number::kFp32;
    comm::Pattern pattern = comm::Pattern::kAllReduce;
    int64_t readyNs = 0;  // on a virtual clock
    int64_t wholeBytes() const { return std::max(in.bytes, out.bytes); }
  };
  // Returns the number to collect it with; does not block.
  virtual Result<uint64_t> enter(int32_t member, const Share& share) = 0;
  // Whoever waits for the returned end finds the result. Once per member and number.
  virtual Result<TransferEvents> collect(uint64_t number) = 0;

 protected:
  DeviceGroup() = default;
  DeviceGroup(const DeviceGroup&) = default;
  DeviceGroup& operator=(const DeviceGroup&) = default;
};

// The ends of one direction between two positions of the pipeline; see comm::Channel.
class OutgoingLink {
 public:
  virtual ~OutgoingLink() = default;
  // Copies `from` on the sender's compute lane and lets it travel; does not block. `nowNs`: on a
  // virtual clock.
  virtual Result<TransferEvents> send(const comm::MessageKey& key, Queue& compute,
                                      RankModel::Buffer from, int64_t nowNs) = 0;

 protected:
  OutgoingLink() = default;
  OutgoingLink(const OutgoingLink&) = default;
  OutgoingLink& operator=(const OutgoingLink&) = default;
};
class IncomingLink {
 public:
  virtual ~IncomingLink() = default;
  // Blocks until the message was sent; the receiver's lane waits for its arrival and copies it.
  virtual Result<TransferEvents> receive(const comm::MessageKey& key, Queue& compute,
                                         RankModel::Buffer to) = 0;

 protected:
  IncomingLink() = default;
  IncomingLink(const IncomingLink&) = default;
  IncomingLink& operator=(const IncomingLink&) = default;
};

// What one rank is connected to; nullptr where there is nobody. Owned by a network.
struct DeviceLinks {
  DeviceGroup* tensor = nullptr;
  DeviceGroup* data = nullptr;
  // By position in the pipeline; nullptr for its own.
  std::vector<OutgoingLink*> to;
  std::vector<IncomingLink*> from;
};

// Memory that messages lie in between the sender's or receiver's compute lane and the link. Used
// again once whoever read it last is done. Used by one thread, or under a lock.
struct Message {
  DeviceArray<uint8_t> data;
  Event free;  // behind the last reader; none: nobody has read it yet
  TransferEvents events;
};
class MessagePool {
 public:
  Result<Message> take(int64_t bytes) {
    for (auto spare = m_spares.begin(); spare != m_spares.end(); ++spare) {
      if (spare->data.count() != bytes) continue;
      Message message = std::move(*spare);
      m_spares.erase(spare);
      return message;
    }
    Message message;
    CARACAL_TRY(data, DeviceArray<uint8_t>::make(bytes));
    message.data = std::move(data);
    return message;
  }
  void giveBack(Message message) { m_spares.push_back(std::move(message)); }

 private:
  std::vector<Message> m_spares;
};

inline void copyOn(Queue& queue, void* to, const void* from, int64_t bytes) {
  queue.note("cudaMemcpyAsync", cudaMemcpyAsync(to, from, static_cast<size_t>(bytes),
                                                cudaMemcpyDeviceToDevice, queue.stream));
}

// Copies a message that travels to where the receiver's lane wants it, and keeps its memory.
inline TransferEvents deliver(Message message, Queue& compute, RankModel::Buffer to,
                              EventPool& events, MessagePool& spares) {
  waitFor(compute, message.events.end);
  copyOn(compute, to.data, message.data.data(), to.bytes);
  message.free = events.record(compute);
  TransferEvents travelled = std::exchange(message.events, {});
  spares.giveBack(std::move(message));
  return travelled;
}

}  // namespace caracal::cuda
