#include "runtime/executor/cpu_device.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <utility>

namespace caracal::executor {
namespace {

constexpr size_t kAlignment = 64;  // a cache line, and the widest vector register

std::span<float> floats(const Tensor& tensor) {
  return {tensor.data, static_cast<size_t>(tensor.bytes) / sizeof(float)};
}

}  // namespace

CpuDevice::CpuDevice(const CpuDeviceOptions& options, std::shared_ptr<const model::TextSource> text,
                     comm::RunClock& clock)
    : m_options(options), m_model(options.model, std::move(text)), m_clock(clock) {}

Result<float*> CpuDevice::allocate(int64_t bytes) {
  const size_t rounded = (static_cast<size_t>(bytes) + kAlignment - 1) / kAlignment * kAlignment;
  auto* data = static_cast<float*>(std::aligned_alloc(kAlignment, rounded));
  if (data == nullptr) {
    return fail(ErrorCode::kOutOfMemory,
                "no memory for a tensor of {} bytes; make the model or the batch smaller", bytes);
  }
  return data;
}

void CpuDevice::release(float* data) noexcept {
  std::free(data);
}

int64_t CpuDevice::staticBytes() const {
  return m_model.parameters().bytes();
}

Result<void> CpuDevice::launch(const Launch& call) {
  const model::OperatorCall work{
      call.op,      call.layer, call.step, call.microBatch, {call.in[0].data, call.in[1].data},
      call.out.data};
  const bool forward = call.direction == Direction::kForward;
  const Span span =
      m_clock.measure([&] { forward ? m_model.forward(work) : m_model.backward(work); });
  m_timings.push_back({call.label, span, -1, forward ? call.out.bytes : -1});
  return {};
}

Result<void> CpuDevice::startCollective(const Collective& call) {
  assert(m_options.links.tensor != nullptr && "collectives exist only in a tensor-parallel group");
  const std::span<const float> values =
      call.in.data != nullptr ? floats(call.in) : m_model.branchGradient();
  Pending pending;
  pending.label = call.label;
  pending.entryNs = m_clock.nowNs();
  pending.groupNumber =
      m_options.links.tensor->enter(m_options.tensorMember, values, pending.entryNs);
  m_pending.emplace(call.number, pending);
  return {};
}

Result<void> CpuDevice::waitCollective(const Collective& call) {
  const auto found = m_pending.find(call.number);
  assert(found != m_pending.end() && "a collective is waited for once, after its start");
  const Pending pending = found->second;
  m_pending.erase(found);
  const std::span<float> sum =
      call.out.data != nullptr ? floats(call.out) : m_model.branchGradient();
  return finish(*m_options.links.tensor, pending, sum);
}

Result<void> CpuDevice::finish(comm::ReduceGroup& group, const Pending& pending,
                               std::span<float> sum) {
  CARACAL_TRY(transfer, group.collect(pending.groupNumber, sum));
  m_clock.waitUntil(transfer.endNs);
  m_timings.push_back({pending.label,
                       {pending.entryNs, transfer.endNs},
                       transfer.endNs - transfer.beginNs,
                       static_cast<int64_t>(sum.size_bytes())});
  return {};
}

// Device and host are one memory here, and the copy is made by the processor itself.
Result<void> CpuDevice::copy(const Copy& call) {
  const std::span<const float> from = floats(call.from);
  const Span span = m_clock.measure([&] { std::copy(from.begin(), from.end(), call.to.data); });
  m_timings.push_back({call.label, span, span.lengthNs(), call.from.bytes});
  return {};
}

Result<void> CpuDevice::send(const Exchange& call) {
  const bool forward = call.direction == Direction::kForward;
  comm::Channel* channel =
      forward ? m_options.links.activationsToNext : m_options.links.gradientsToPrevious;
  assert(channel != nullptr && "the program sends only where there is a neighbour");
  const std::span<const float> values = forward ? floats(call.tensor) : m_model.streamGradient();
  const comm::Transfer transfer = channel->send(values, m_clock.nowNs());
  m_timings.push_back({call.label,
                       {transfer.beginNs, transfer.endNs},
                       transfer.endNs - transfer.beginNs,
                       static_cast<int64_t>(values.size_bytes())});
  return {};
}

Result<void> CpuDevice::receive(const Exchange& call) {
  const bool forward = call.direction == Direction::kForward;
  comm::Channel* channel =
      forward ? m_options.links.activationsFromPrevious : m_options.links.gradientsFromNext;
  assert(channel != nullptr && "the program receives only where there is a neighbour");
  const std::span<float> values = forward ? floats(call.tensor) : m_model.streamGradient();
  CARACAL_TRY(transfer, channel->receive(values));
  m_clock.waitUntil(transfer.endNs);
  m_timings.push_back({call.label,
                       {transfer.beginNs, transfer.endNs},
                       transfer.endNs - transfer.beginNs,
                       static_cast<int64_t>(values.size_bytes())});
  return {};
}

Result<void> CpuDevice::reduceGradients(Label label) {
  comm::ReduceGroup* group = m_options.links.data;
  assert(group != nullptr && "gradients are reduced only between replicas");
  const std::span<float> gradients = m_model.parameters().gradients();
  Pending pending;
  pending.label = label;
  pending.entryNs = m_clock.nowNs();
  pending.groupNumber = group->enter(m_options.dataMember, gradients, pending.entryNs);
  return finish(*group, pending, gradients);
}

Result<void> CpuDevice::updateWeights(Label label, int32_t step) {
  const Span span =
      m_clock.measure([&] { m_model.parameters().update(m_options.optimizer, step + 1); });
  m_timings.push_back({label, span, -1, -1});
  return {};
}

std::vector<Timing> CpuDevice::takeTimings() {
  return std::exchange(m_timings, {});
}

}  // namespace caracal::executor
