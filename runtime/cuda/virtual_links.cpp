#include "runtime/cuda/virtual_links.h"

#include <cuda_bf16.h>

#include <fmt/ranges.h>

#include <algorithm>

namespace caracal::cuda {
namespace {

template <class T>
void combine(Queue& queue, const std::vector<VirtualGroup::Share>& shares, int32_t ctas) {
  Members<T> members;
  members.count = static_cast<int32_t>(shares.size());
  for (size_t m = 0; m < shares.size(); ++m) {
    members.in[m] = static_cast<const T*>(shares[m].in.data);
    members.out[m] = static_cast<T*>(shares[m].out.data);
  }
  const VirtualGroup::Share& first = shares.front();
  const auto count = [](RankModel::Buffer buffer) {
    return buffer.bytes / static_cast<int64_t>(sizeof(T));
  };
  if (first.pattern == comm::Pattern::kAllGather)
    gatherMembers(queue, members, count(first.in), ctas);
  else if (first.pattern == comm::Pattern::kReduceScatter)
    scatterSums(queue, members, count(first.out), ctas);
  else
    sumMembers(queue, members, count(first.in), ctas);
}

}  // namespace

Result<std::unique_ptr<TimedStream>> TimedStream::make(const LinkContext& context,
                                                       comm::Link link) {
  auto timed = std::unique_ptr<TimedStream>(new TimedStream(context, link));
  CARACAL_TRY(stream, Stream::make(Priority::kHighest));
  timed->m_stream = std::move(stream);
  timed->m_queue.stream = timed->m_stream.get();
  CARACAL_TRY(stamp, DeviceArray<uint64_t>::make(1));
  timed->m_stamp = std::move(stamp);
  return timed;
}

Result<std::unique_ptr<VirtualGroup>> VirtualGroup::make(const LinkContext& context,
                                                         const comm::Group& group,
                                                         comm::Link link) {
  if (group.members() > kMostMembers) {
    return fail(ErrorCode::kUnsupported,
                "virtual ranks reduce in groups of up to {}, not {}; use fewer ranks in a group",
                kMostMembers, group.members());
  }
  auto made = std::unique_ptr<VirtualGroup>(new VirtualGroup(context, group));
  CARACAL_TRY(stream, TimedStream::make(context, link));
  made->m_stream = std::move(stream);
  return made;
}

std::string VirtualGroup::missing(const Exchange& exchange) const {
  std::vector<int32_t> ranks;
  for (size_t m = 0; m < exchange.shares.size(); ++m) {
    if (!exchange.shares[m].ready) ranks.push_back(m_group.ranks[m]);
  }
  return fmt::format("a {} collective that rank {} did not enter", m_group.name,
                     fmt::join(ranks, ", "));
}

Result<TransferEvents> VirtualGroup::transfer(const std::vector<Share>& shares) {
  TimedStream::Ready ready{{}, m_linkFreeNs};
  for (const Share& share : shares) {
    ready.events.push_back(share.ready);
    ready.ns = std::max(ready.ns, share.readyNs);
  }
  const Share& first = shares.front();
  const int64_t bytes = comm::ringBytes(first.pattern, first.wholeBytes(), m_group.members());
  return m_stream->transfer(ready, bytes, [&](Queue& queue) {
    if (first.number == Number::kBf16) {
      combine<__nv_bfloat16>(queue, shares, m_context.ctas);
    } else {
      combine<float>(queue, shares, m_context.ctas);
    }
  });
}

Result<uint64_t> VirtualGroup::enter(int32_t member, const Share& share) {
  const auto lock = m_context.monitor->lock();
  const uint64_t number = m_nextOfMember[static_cast<size_t>(member)]++;
  Exchange& exchange = m_exchanges[number];
  exchange.shares.resize(m_group.ranks.size());
  exchange.shares[static_cast<size_t>(member)] = share;
  if (++exchange.entered < m_group.members()) return number;
  CARACAL_TRY(events, transfer(exchange.shares));
  exchange.events = events;
  m_linkFreeNs = events.onClock.endNs;
  m_context.monitor->notify();
  return number;
}

Result<TransferEvents> VirtualGroup::collect(uint64_t number) {
  auto lock = m_context.monitor->lock();
  Exchange& exchange = m_exchanges.at(number);
  CARACAL_CHECK_OK(m_context.monitor->wait(
      lock, [&] { return exchange.events.end != nullptr; }, [&] { return missing(exchange); }));
  TransferEvents events = exchange.events;
  if (++exchange.collected == m_group.members()) m_exchanges.erase(number);
  return events;
}

Result<std::unique_ptr<VirtualChannel>> VirtualChannel::make(const LinkContext& context,
                                                             int32_t fromRank, comm::Link link) {
  auto channel = std::unique_ptr<VirtualChannel>(new VirtualChannel(context, fromRank));
  CARACAL_TRY(stream, TimedStream::make(context, link));
  channel->m_stream = std::move(stream);
  return channel;
}

Result<Message> VirtualChannel::takeSpare(int64_t bytes) {
  const auto lock = m_context.monitor->lock();
  return m_spares.take(bytes);
}

Result<TransferEvents> VirtualChannel::send(const comm::MessageKey& key, Queue& compute,
                                            RankModel::Buffer from, int64_t nowNs) {
  CARACAL_TRY(message, takeSpare(from.bytes));
  if (message.free) waitFor(compute, message.free);
  copyOn(compute, message.data.data(), from.data, from.bytes);
  const Event copied = m_context.events->record(compute);
  CARACAL_TRY(events, m_stream->transfer({{copied}, nowNs}, from.bytes, [](Queue&) {}));
  message.events = events;
  const auto lock = m_context.monitor->lock();
  m_messages.insert_or_assign(key, std::move(message));
  m_context.monitor->notify();
  return events;
}

Result<TransferEvents> VirtualChannel::receive(const comm::MessageKey& key, Queue& compute,
                                               RankModel::Buffer to) {
  auto lock = m_context.monitor->lock();
  CARACAL_CHECK_OK(m_context.monitor->wait(
      lock, [&] { return m_messages.contains(key); },
      [&] { return fmt::format("a message that rank {} did not send", m_fromRank); }));
  auto node = m_messages.extract(key);
  return deliver(std::move(node.mapped()), compute, to, *m_context.events, m_spares);
}

}  // namespace caracal::cuda
