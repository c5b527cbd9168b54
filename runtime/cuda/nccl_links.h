// Links between ranks in processes of their own, one GPU each, by NCCL.
//
// Receivers learn from the mailbox what was sent and in which order, and put their half on the
// stream only then: NCCL pairs sends and receives by order alone, and a half that waits for the
// other holds multiprocessors. Sums are those of NCCL, the same on every rank and every run on the
// same machines, but in an order of NCCL's.
#pragma once

#include <deque>
#include <map>

#include "runtime/cuda/device_links.h"
#include "runtime/cuda/nccl_watch.h"
#include "runtime/cuda/streams.h"

namespace caracal::cuda {

// What all links of a process share.
struct NcclContext {
  const nccl::Api* api = nullptr;
  EventPool* events = nullptr;
  NcclMailbox* mailbox = nullptr;
  NcclWatch* watch = nullptr;
};

// A communicator and the stream its operations run on.
class NcclLane {
 public:
  static Result<NcclLane> make(const NcclContext& context,
                               std::unique_ptr<NcclCommunicator> communicator, Priority priority);

  // Behind `ready`, where there is such an event, the operation call(api, handle, stream).
  template <class Call>
  Result<TransferEvents> run(const char* what, const Event& ready, Call call) {
    if (ready) waitFor(m_queue, ready);
    TransferEvents events;
    events.begin = m_context.events->record(m_queue);
    CARACAL_CHECK_OK(m_communicator->enqueue(what, [&](const nccl::Api& api, nccl::Handle* handle) {
      return call(api, handle, m_queue.stream);
    }));
    events.end = m_context.events->record(m_queue);
    m_context.watch->note(*m_communicator, what, events.begin, events.end);
    CARACAL_CHECK_OK(check(m_queue));
    return events;
  }
  NcclCommunicator& communicator() const { return *m_communicator; }

 private:
  NcclContext m_context;
  std::unique_ptr<NcclCommunicator> m_communicator;
  Stream m_stream;
  Queue m_queue;
};

class NcclGroup final : public DeviceGroup {
 public:
  explicit NcclGroup(NcclLane lane) : m_lane(std::move(lane)) {}
  Result<uint64_t> enter(int32_t member, const Share& share) override;
  Result<TransferEvents> collect(uint64_t number) override;
  NcclCommunicator& communicator() const { return m_lane.communicator(); }

 private:
  NcclLane m_lane;
  uint64_t m_next = 0;
  std::map<uint64_t, TransferEvents> m_entered;
};

// The two ends of a communicator of two ranks: the sender is its rank 0.
class NcclSender final : public OutgoingLink {
 public:
  NcclSender(const NcclContext& context, NcclLane lane, int32_t toRank)
      : m_context(context), m_lane(std::move(lane)), m_toRank(toRank) {}
  Result<TransferEvents> send(const comm::MessageKey& key, Queue& compute, RankModel::Buffer from,
                              int64_t nowNs) override;
  NcclCommunicator& communicator() const { return m_lane.communicator(); }

 private:
  NcclContext m_context;
  NcclLane m_lane;
  int32_t m_toRank;
  MessagePool m_pool;
};

class NcclReceiver final : public IncomingLink {
 public:
  NcclReceiver(const NcclContext& context, NcclLane lane, int32_t fromRank)
      : m_context(context), m_lane(std::move(lane)), m_fromRank(fromRank) {}
  Result<TransferEvents> receive(const comm::MessageKey& key, Queue& compute,
                                 RankModel::Buffer to) override;
  NcclCommunicator& communicator() const { return m_lane.communicator(); }

 private:
  Result<void> takeNext();

  NcclContext m_context;
  NcclLane m_lane;
  int32_t m_fromRank;
  MessagePool m_pool;
  std::map<comm::MessageKey, Message> m_arriving;
};

}  // namespace caracal::cuda
