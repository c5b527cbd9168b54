#include "runtime/executor/cpu_device.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <utility>

#include "core/plan/program.h"

namespace caracal::executor {
namespace {

constexpr size_t kAlignment = 64;  // a cache line, and the widest vector register

std::span<float> floats(const Tensor& tensor) {
  return {tensor.data, static_cast<size_t>(tensor.bytes) / sizeof(float)};
}

}  // namespace

CpuDevice::CpuDevice(const RankOptions& options, std::shared_ptr<const model::TextSource> text,
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
  const Span span = m_clock.measure([&] {
    switch (call.work) {
      case Work::kForward:
        return m_model.forward(work);
      case Work::kBackward:
        return m_model.backward(work);
      case Work::kInputGradient:
        return m_model.inputGradient(work);
      case Work::kWeightGradient:
        return m_model.weightGradient(work);
    }
  });
  m_timings.push_back({call.label, span, -1, call.work == Work::kForward ? call.out.bytes : -1});
  return {};
}

CpuDevice::Pending CpuDevice::enter(comm::ReduceGroup& group, int32_t member, Label label,
                                    std::span<const float> values) {
  Pending pending;
  pending.label = label;
  pending.entryNs = m_clock.nowNs();
  pending.groupNumber = group.enter(member, values, pending.entryNs);
  return pending;
}

Result<void> CpuDevice::startCollective(const Collective& call) {
  assert(m_options.links.tensor != nullptr && "collectives exist only in a tensor-parallel group");
  const std::span<const float> values =
      call.in.data != nullptr ? floats(call.in) : m_model.branchGradient();
  m_pending.emplace(call.number,
                    enter(*m_options.links.tensor, m_options.tensorMember, call.label, values));
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

comm::MessageKey CpuDevice::keyOf(const Exchange& call) {
  return {call.tensor.data == nullptr, call.chunk, call.microBatch};
}

Result<void> CpuDevice::send(const Exchange& call) {
  comm::Channel* channel = m_options.links.to[static_cast<size_t>(call.peer)];
  assert(channel != nullptr && "the program sends only to other positions of the pipeline");
  const std::span<const float> values =
      call.tensor.data != nullptr ? floats(call.tensor) : m_model.streamGradient();
  const comm::Transfer transfer = channel->send(keyOf(call), values, m_clock.nowNs());
  reportTransfer(call.label, transfer, values.size_bytes());
  return {};
}

Result<void> CpuDevice::receive(const Exchange& call) {
  comm::Channel* channel = m_options.links.from[static_cast<size_t>(call.peer)];
  assert(channel != nullptr && "the program receives only from other positions of the pipeline");
  const std::span<float> values =
      call.tensor.data != nullptr ? floats(call.tensor) : m_model.streamGradient();
  CARACAL_TRY(transfer, channel->receive(keyOf(call), values));
  m_clock.waitUntil(transfer.endNs);
  reportTransfer(call.label, transfer, values.size_bytes());
  return {};
}

void CpuDevice::reportTransfer(Label label, const comm::Transfer& transfer, size_t bytes) {
  const Span span{transfer.beginNs, transfer.endNs};
  m_timings.push_back({label, span, span.lengthNs(), static_cast<int64_t>(bytes)});
}

Result<void> CpuDevice::putAside(const HandOver& call) {
  const std::span<const float> gradient = m_model.streamGradient();
  m_asideOf[{call.chunk, call.microBatch}].assign(gradient.begin(), gradient.end());
  return {};
}

Result<void> CpuDevice::takeUp(const HandOver& call) {
  const auto aside = m_asideOf.extract({call.chunk, call.microBatch});
  assert(!aside.empty() && "the backward of the chunk above comes first");
  std::copy(aside.mapped().begin(), aside.mapped().end(), m_model.streamGradient().begin());
  return {};
}

Result<void> CpuDevice::reduceGradients(Label label) {
  comm::ReduceGroup* group = m_options.links.data;
  assert(group != nullptr && "gradients are reduced only between replicas");
  const std::span<float> gradients = m_model.parameters().gradients();
  return finish(*group, enter(*group, m_options.dataMember, label, gradients), gradients);
}

Result<void> CpuDevice::startReduction(Label label, int32_t layer) {
  comm::ReduceGroup* group = m_options.links.data;
  assert(group != nullptr && "gradients are reduced only between replicas");
  model::ParameterStore& parameters = m_model.parameters();
  const std::span<float> gradients = layer == plan::kFirstEnd  ? parameters.firstEndGradients()
                                     : layer == plan::kLastEnd ? parameters.lastEndGradients()
                                                               : parameters.layerGradients(layer);
  m_reductions.push_back({enter(*group, m_options.dataMember, label, gradients), gradients});
  return {};
}

Result<void> CpuDevice::waitReductions() {
  for (const Reduction& reduction : std::exchange(m_reductions, {}))
    CARACAL_CHECK_OK(finish(*m_options.links.data, reduction.pending, reduction.gradients));
  return {};
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
