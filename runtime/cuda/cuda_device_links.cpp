// What a rank on a GPU does together with others: collectives, transfers, sums of gradients.
#include <cassert>

#include "runtime/cuda/cuda_device.h"

namespace caracal::cuda {

using executor::Collective;
using executor::Exchange;
using executor::Label;

namespace {

comm::MessageKey keyOf(const Exchange& call) {
  return {call.tensor.data == nullptr, call.chunk, call.microBatch};
}

}  // namespace

Result<CudaDevice::Pending> CudaDevice::enter(DeviceGroup& group, int32_t member,
                                              const std::string& what, Label label,
                                              const DeviceGroup::Share& share) {
  Pending pending;
  pending.what = what;
  pending.label = label;
  pending.bytes = share.wholeBytes();
  pending.entry = m_events.record(computeQueue());
  DeviceGroup::Share own = share;
  own.ready = pending.entry;
  own.readyNs = pending.entryNs = m_clock.nowNs();
  const auto token = alone();
  CARACAL_TRY(entered, group.enter(member, own));
  pending.groupNumber = entered;
  return pending;
}

Result<void> CudaDevice::finish(DeviceGroup& group, const Pending& pending) {
  CARACAL_TRY(events, group.collect(pending.groupNumber));
  waitFor(computeQueue(), events.end);
  if (isVirtual()) {
    CARACAL_CHECK_OK(m_clock.waitUntil(events.onClock.endNs));
    const Span span{pending.entryNs, events.onClock.endNs};
    m_timings.push_back({pending.label, span, span.endNs - events.onClock.beginNs, pending.bytes,
                         -1, pending.part});
  } else {
    m_timed.push_back({pending.what, pending.label, pending.entry, events.end, events.begin,
                       pending.bytes, events.askedNs, pending.part});
  }
  return check(m_compute.queue);
}

// Of a gradient in place: a gather starts from this rank's rows of it, a reduce-scatter ends there.
DeviceGroup::Share CudaDevice::shareOf(const Collective& call) {
  const auto bufferOf = [](const executor::Tensor& tensor) {
    return RankModel::Buffer{tensor.data, tensor.bytes};
  };
  DeviceGroup::Share share;
  share.pattern = call.pattern;
  share.number = activations();
  if (call.in.data == nullptr) {
    share.in = share.out = m_model->branchGradient();
    if (call.pattern == comm::Pattern::kAllGather) share.in = m_model->branchRows();
    if (call.pattern == comm::Pattern::kReduceScatter) share.out = m_model->branchRows();
    return share;
  }
  share.in = bufferOf(call.in);
  share.out = call.out.data != nullptr ? bufferOf(call.out) : m_model->gatheredInput();
  return share;
}

Result<void> CudaDevice::startCollective(const Collective& call) {
  assert(m_links.tensor != nullptr && "collectives exist only in a tensor-parallel group");
  for (const executor::Tensor& tensor : {call.in, call.out})
    m_copies.awaitUseOf(tensor, computeQueue());
  CARACAL_TRY(pending, enter(*m_links.tensor, m_options.tensorMember,
                             fmt::format("a tensor-parallel {}", nameOf(call.pattern)), call.label,
                             shareOf(call)));
  m_pending.emplace(call.number, std::move(pending));
  return {};
}

Result<void> CudaDevice::waitCollective(const Collective& call) {
  auto node = m_pending.extract(call.number);
  assert(!node.empty() && "a collective is waited for once, after its start");
  return finish(*m_links.tensor, node.mapped());
}

RankModel::Buffer CudaDevice::bufferOf(const Exchange& call) {
  m_copies.awaitUseOf(call.tensor, computeQueue());
  if (call.tensor.data != nullptr) return {call.tensor.data, call.tensor.bytes};
  return m_model->streamGradient();
}

void CudaDevice::note(const Exchange& call, const char* what, const TransferEvents& events,
                      int64_t bytes) {
  if (isVirtual()) {
    const Span span{events.onClock.beginNs, events.onClock.endNs};
    m_timings.push_back({call.label, span, span.lengthNs(), bytes});
  } else {
    m_timed.push_back({fmt::format("the {} position {} of the pipeline", what, call.peer),
                       call.label, events.begin, events.end, events.begin, bytes});
  }
}

Result<void> CudaDevice::send(const Exchange& call) {
  OutgoingLink* link = m_links.to[static_cast<size_t>(call.peer)];
  assert(link != nullptr && "schedules send to neighbours in the ring of positions only");
  const RankModel::Buffer buffer = bufferOf(call);
  const auto token = alone();
  CARACAL_TRY(events, link->send(keyOf(call), computeQueue(), buffer, m_clock.nowNs()));
  note(call, "message to", events, buffer.bytes);
  return check(m_compute.queue);
}

Result<void> CudaDevice::receive(const Exchange& call) {
  IncomingLink* link = m_links.from[static_cast<size_t>(call.peer)];
  assert(link != nullptr && "schedules receive from neighbours in the ring of positions only");
  const RankModel::Buffer buffer = bufferOf(call);
  CARACAL_TRY(events, link->receive(keyOf(call), computeQueue(), buffer));
  note(call, "message from", events, buffer.bytes);
  if (isVirtual()) return m_clock.waitUntil(events.onClock.endNs);
  m_timed.back().askedNs = events.askedNs;
  return check(m_compute.queue);
}

Result<void> CudaDevice::reduceGradients(Label label) {
  CARACAL_CHECK_OK(reduce(label, m_model->gradients()));
  return waitReductions();
}

// Parts of the model that do not complete a bucket wait for the one that does.
Result<void> CudaDevice::startReduction(Label label, int32_t layer) {
  for (const RankModel::Buffer& gradients : m_model->gradientsCompletedBy(layer))
    CARACAL_CHECK_OK(reduce(label, gradients));
  return {};
}

Result<void> CudaDevice::reduce(Label label, RankModel::Buffer gradients) {
  assert(m_links.data != nullptr && "gradients are reduced only between replicas");
  DeviceGroup::Share share;
  share.in = share.out = gradients;
  CARACAL_TRY(pending,
              enter(*m_links.data, m_options.dataMember, "a sum of gradients", label, share));
  m_reductions.push_back(std::move(pending));
  return {};
}

Result<void> CudaDevice::waitReductions() {
  for (const Pending& pending : std::exchange(m_reductions, {}))
    CARACAL_CHECK_OK(finish(*m_links.data, pending));
  return {};
}

// As one message, put together beside the pool.
Result<void> CudaDevice::sumRowGradients(Label label) {
  const std::vector<RankModel::Buffer> parts = m_model->rowGradients();
  int64_t bytes = 0;
  for (const RankModel::Buffer& part : parts) bytes += part.bytes;
  if (m_rowGradients.count() == 0) {
    CARACAL_TRY(made, DeviceArray<uint8_t>::make(bytes));
    m_rowGradients = std::move(made);
  }
  Queue& queue = computeQueue();
  uint8_t* next = m_rowGradients.data();
  for (const RankModel::Buffer& part : parts) {
    copyOn(queue, next, part.data, part.bytes);
    next += part.bytes;
  }
  const RankModel::Buffer message{m_rowGradients.data(), bytes};
  DeviceGroup::Share share;
  share.in = share.out = message;
  CARACAL_TRY(pending, enter(*m_links.tensor, m_options.tensorMember,
                             "a sum of gradients over rows", label, share));
  pending.part = executor::Part::kRowSums;
  CARACAL_CHECK_OK(finish(*m_links.tensor, pending));
  next = m_rowGradients.data();
  for (const RankModel::Buffer& part : parts) {
    copyOn(queue, part.data, next, part.bytes);
    next += part.bytes;
  }
  return check(queue);
}

}  // namespace caracal::cuda
