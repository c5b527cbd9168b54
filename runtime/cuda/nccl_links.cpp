#include "runtime/cuda/nccl_links.h"

namespace caracal::cuda {

using nccl::DataType;

Result<NcclLane> NcclLane::make(const NcclContext& context,
                                std::unique_ptr<NcclCommunicator> communicator, Priority priority) {
  NcclLane lane;
  lane.m_context = context;
  lane.m_communicator = std::move(communicator);
  CARACAL_TRY(stream, Stream::make(priority));
  lane.m_stream = std::move(stream);
  lane.m_queue.stream = lane.m_stream.get();
  return lane;
}

namespace {

// NCCL counts a rank's part, or, for an all-reduce, what is the same, everything.
nccl::Status put(const DeviceGroup::Share& share, const nccl::Api& api, nccl::Handle* handle,
                 cudaStream_t stream) {
  const bool bf16 = share.number == Number::kBf16;
  const auto type = bf16 ? DataType::kBfloat16 : DataType::kFloat32;
  const auto count =
      static_cast<size_t>(std::min(share.in.bytes, share.out.bytes) / (bf16 ? 2 : 4));
  const void* in = share.in.data;
  void* out = share.out.data;
  if (share.pattern == comm::Pattern::kAllGather)
    return api.allGather(in, out, count, type, handle, stream);
  const auto sum = nccl::Reduction::kSum;
  if (share.pattern == comm::Pattern::kReduceScatter)
    return api.reduceScatter(in, out, count, type, sum, handle, stream);
  return api.allReduce(in, out, count, type, sum, handle, stream);
}

}  // namespace

Result<uint64_t> NcclGroup::enter(int32_t /*member*/, const Share& share) {
  CARACAL_TRY(events,
              m_lane.run(nameOf(share.pattern), share.ready,
                         [&](const nccl::Api& api, nccl::Handle* handle, cudaStream_t stream) {
                           return put(share, api, handle, stream);
                         }));
  m_entered.emplace(m_next, std::move(events));
  return m_next++;
}

Result<TransferEvents> NcclGroup::collect(uint64_t number) {
  auto node = m_entered.extract(number);
  return std::move(node.mapped());
}

Result<TransferEvents> NcclSender::send(const comm::MessageKey& key, Queue& compute,
                                        RankModel::Buffer from, int64_t /*nowNs*/) {
  CARACAL_TRY(message, m_pool.take(from.bytes));
  if (message.free) waitFor(compute, message.free);
  copyOn(compute, message.data.data(), from.data, from.bytes);
  const Event copied = m_context.events->record(compute);
  CARACAL_TRY(events,
              m_lane.run("message", copied,
                         [&](const nccl::Api& api, nccl::Handle* handle, cudaStream_t stream) {
                           return api.send(message.data.data(), static_cast<size_t>(from.bytes),
                                           DataType::kUint8, 1, handle, stream);
                         }));
  m_context.mailbox->announce(m_toRank, {key, from.bytes});
  message.free = events.end;
  m_pool.giveBack(std::move(message));
  return events;
}

Result<void> NcclReceiver::takeNext() {
  CARACAL_TRY(next, m_context.mailbox->nextFrom(m_fromRank));
  CARACAL_TRY(message, m_pool.take(next.bytes));
  CARACAL_TRY(events,
              m_lane.run("message", message.free,
                         [&](const nccl::Api& api, nccl::Handle* handle, cudaStream_t stream) {
                           return api.recv(message.data.data(), static_cast<size_t>(next.bytes),
                                           DataType::kUint8, 0, handle, stream);
                         }));
  message.events = std::move(events);
  m_arriving.insert_or_assign(next.key, std::move(message));
  return {};
}

Result<TransferEvents> NcclReceiver::receive(const comm::MessageKey& key, Queue& compute,
                                             RankModel::Buffer to) {
  while (!m_arriving.contains(key)) CARACAL_CHECK_OK(takeNext());
  auto node = m_arriving.extract(key);
  return deliver(std::move(node.mapped()), compute, to, *m_context.events, m_pool);
}

}  // namespace caracal::cuda
