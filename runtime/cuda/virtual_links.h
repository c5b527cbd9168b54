// Links between virtual ranks: threads of one process that share one GPU. Nothing leaves the GPU's
// memory; a transfer takes the stated time of its link, which a kernel of `ctas` blocks holds on
// the link's own stream.
//
// Ranks meet on the host only to hand each other events: when the last member of a collective has
// enqueued what it waits for, that member enqueues the collective, and nobody's GPU work ever waits
// for work that is not enqueued yet. So nothing deadlocks, however few multiprocessors there are.
//
// On a virtual clock a link takes its time on that clock only, and whoever puts a transfer on it
// waits until the GPU is done with it.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "runtime/comm/clock.h"
#include "runtime/comm/link.h"
#include "runtime/comm/monitor.h"
#include "runtime/comm/reduce_group.h"
#include "runtime/cuda/device_links.h"
#include "runtime/cuda/kernels/collective.h"
#include "runtime/cuda/streams.h"

namespace caracal::cuda {

// What all links of a process share.
struct LinkContext {
  comm::Monitor* monitor = nullptr;
  EventPool* events = nullptr;
  int32_t ctas = 1;  // blocks that hold a link or sum over it
  comm::ClockKind clock = comm::ClockKind::kWall;
};

// One link's stream and its hold.
class TimedStream {
 public:
  static Result<std::unique_ptr<TimedStream>> make(const LinkContext& context, comm::Link link);

  // What a transfer waits for: events, and a time of the virtual clock.
  struct Ready {
    std::vector<Event> events;
    int64_t ns = 0;
  };
  // Puts on the stream: waits for `ready`, then `work`, and lets the whole take the link's time for
  // `bytes`.
  template <class Work>
  Result<TransferEvents> transfer(const Ready& ready, int64_t bytes, Work work) {
    const bool isVirtual = m_context.clock == comm::ClockKind::kVirtual;
    for (const Event& event : ready.events) waitFor(m_queue, event);
    TransferEvents events;
    events.askedNs = comm::transferNs(m_link, bytes);
    events.onClock = {ready.ns, ready.ns + events.askedNs};
    events.begin = m_context.events->record(m_queue);
    if (!isVirtual) stampClock(m_queue, m_stamp.data());
    work(m_queue);
    if (!isVirtual) holdUntil(m_queue, m_stamp.data(), events.askedNs, m_context.ctas);
    events.end = m_context.events->record(m_queue);
    if (isVirtual) m_queue.note("a transfer", cudaStreamSynchronize(m_queue.stream));
    CARACAL_CHECK_OK(check(m_queue));
    return events;
  }

 private:
  TimedStream(const LinkContext& context, comm::Link link) : m_context(context), m_link(link) {}

  LinkContext m_context;
  comm::Link m_link;
  Stream m_stream;
  Queue m_queue;
  DeviceArray<uint64_t> m_stamp;
};

// Sums in the order of comm::ReduceGroup.
class VirtualGroup final : public DeviceGroup {
 public:
  static Result<std::unique_ptr<VirtualGroup>> make(const LinkContext& context,
                                                    const comm::Group& group, comm::Link link);

  Result<uint64_t> enter(int32_t member, const Share& share) override;
  // Blocks until every member has entered.
  Result<TransferEvents> collect(uint64_t number) override;

 private:
  struct Exchange {
    std::vector<Share> shares;
    int32_t entered = 0, collected = 0;
    TransferEvents events;
  };
  VirtualGroup(const LinkContext& context, const comm::Group& group)
      : m_context(context), m_group(group), m_nextOfMember(static_cast<size_t>(group.members())) {}
  std::string missing(const Exchange& exchange) const;
  Result<TransferEvents> transfer(const std::vector<Share>& shares);

  LinkContext m_context;
  comm::Group m_group;
  std::unique_ptr<TimedStream> m_stream;
  // Guarded by the monitor:
  std::vector<uint64_t> m_nextOfMember;
  std::map<uint64_t, Exchange> m_exchanges;
  int64_t m_linkFreeNs = 0;  // on a virtual clock
};

class VirtualChannel final : public OutgoingLink, public IncomingLink {
 public:
  static Result<std::unique_ptr<VirtualChannel>> make(const LinkContext& context, int32_t fromRank,
                                                      comm::Link link);

  Result<TransferEvents> send(const comm::MessageKey& key, Queue& compute, RankModel::Buffer from,
                              int64_t nowNs) override;
  Result<TransferEvents> receive(const comm::MessageKey& key, Queue& compute,
                                 RankModel::Buffer to) override;

 private:
  VirtualChannel(const LinkContext& context, int32_t fromRank)
      : m_context(context), m_fromRank(fromRank) {}
  Result<Message> takeSpare(int64_t bytes);

  LinkContext m_context;
  int32_t m_fromRank;
  std::unique_ptr<TimedStream> m_stream;
  std::map<comm::MessageKey, Message> m_messages;  // guarded by the monitor
  MessagePool m_spares;                            // guarded by the monitor
};

}  // namespace caracal::cuda
