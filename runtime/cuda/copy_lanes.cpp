#include "runtime/cuda/copy_lanes.h"

namespace caracal::cuda {
namespace {

bool overlap(const executor::Tensor& a, const executor::Tensor& b) {
  const auto begin = [](const executor::Tensor& tensor) {
    return reinterpret_cast<uintptr_t>(tensor.data);
  };
  const auto end = [&](const executor::Tensor& tensor) {
    return begin(tensor) + static_cast<uintptr_t>(tensor.bytes);
  };
  return begin(a) < end(b) && begin(b) < end(a);
}

}  // namespace

Result<void> CopyLanes::open(Lane& lane) {
  CARACAL_TRY(stream, Stream::make(Priority::kMiddle));  // copies know no priority
  lane.stream = std::move(stream);
  lane.queue.stream = lane.stream.get();
  return {};
}

Result<CopyLanes> CopyLanes::make(EventPool& events) {
  CopyLanes lanes;
  lanes.m_events = &events;
  CARACAL_CHECK_OK(open(lanes.m_toHost));
  CARACAL_CHECK_OK(open(lanes.m_toDevice));
  return lanes;
}

void CopyLanes::awaitUseOf(const executor::Tensor& tensor, Queue& queue) {
  std::erase_if(m_underWay,
                [](const UnderWay& copy) { return cudaEventQuery(copy.end.get()) == cudaSuccess; });
  for (const UnderWay& copy : m_underWay) {
    if (overlap(copy.call.from, tensor) || overlap(copy.call.to, tensor)) waitFor(queue, copy.end);
  }
}

Result<TransferEvents> CopyLanes::copy(const executor::Copy& call, CopyDirection direction,
                                       Queue& compute) {
  Queue& queue = (direction == CopyDirection::kToHost ? m_toHost : m_toDevice).queue;
  waitFor(queue, m_events->record(compute));
  awaitUseOf(call.from, queue);
  awaitUseOf(call.to, queue);
  TransferEvents events;
  events.begin = m_events->record(queue);
  queue.note("cudaMemcpyAsync",
             cudaMemcpyAsync(call.to.data, call.from.data, static_cast<size_t>(call.from.bytes),
                             cudaMemcpyDefault, queue.stream));
  events.end = m_events->record(queue);
  CARACAL_CHECK_OK(check(queue));
  m_underWay.push_back({call, events.end});
  return events;
}

}  // namespace caracal::cuda
