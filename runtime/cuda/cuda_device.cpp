#include "runtime/cuda/cuda_device.h"

#include <cassert>
#include <cmath>

namespace caracal::cuda {

using executor::Collective;
using executor::Copy;
using executor::Exchange;
using executor::HandOver;
using executor::Label;
using executor::Launch;
using executor::Work;

namespace {

comm::MessageKey keyOf(const Exchange& call) {
  return {call.tensor.data == nullptr, call.chunk, call.microBatch};
}

}  // namespace

Result<std::unique_ptr<CudaDevice>> CudaDevice::make(const executor::RankOptions& options,
                                                     std::shared_ptr<const model::TextSource> text,
                                                     comm::RunClock& clock,
                                                     const VirtualRankLinks& links,
                                                     EventPool& events) {
  auto device = std::unique_ptr<CudaDevice>(new CudaDevice(options, clock, links, events));
  CARACAL_CHECK_OK(device->prepare(std::move(text)));
  return device;
}

Result<void> CudaDevice::prepareLane(Lane& lane, Stream& stream, DeviceArray<uint8_t>& workspace,
                                     Priority priority) {
  CARACAL_TRY(made, Stream::make(priority));
  stream = std::move(made);
  CARACAL_TRY(bytes, DeviceArray<uint8_t>::make(kGemmWorkspaceBytes));
  workspace = std::move(bytes);
  lane.queue.stream = stream.get();
  lane.gemmWorkspace = workspace.data();
  return {};
}

Result<void> CudaDevice::prepare(std::shared_ptr<const model::TextSource> text) {
  m_fixed = fixedMemory(m_options.model.shape, m_options.model.layers);
  CARACAL_CHECK_OK(prepareLane(m_compute, m_computeStream, m_computeWorkspace, Priority::kMiddle));
  CARACAL_CHECK_OK(
      prepareLane(m_recompute, m_recomputeStream, m_recomputeWorkspace, Priority::kLowest));
  CARACAL_TRY(gemm, makeGemm());
  CARACAL_TRY(made, makeRankModel(m_options.model, std::move(text), std::move(gemm), m_compute));
  m_model = std::move(made);
  return {};
}

Result<float*> CudaDevice::allocate(int64_t bytes) {
  void* data = nullptr;
  if (cudaMalloc(&data, static_cast<size_t>(bytes)) == cudaSuccess)
    return static_cast<float*>(data);
  return fail(ErrorCode::kOutOfMemory,
              "the GPU has no memory for a tensor of {} bytes; make the model or the batch smaller",
              bytes);
}

Result<float*> CudaDevice::PinnedMemory::allocate(int64_t bytes) {
  void* data = nullptr;
  if (cudaMallocHost(&data, static_cast<size_t>(bytes)) == cudaSuccess)
    return static_cast<float*>(data);
  return fail(ErrorCode::kOutOfMemory,
              "the host has no memory for an offloaded tensor of {} bytes; offload less", bytes);
}

Number CudaDevice::activations() const {
  return m_options.model.shape.elementBytes == 2 ? Number::kBf16 : Number::kFp32;
}

Lane& CudaDevice::turnTo(Lane& lane) {
  if (m_current != &lane) {
    waitFor(lane.queue, m_events.record(m_current->queue));
    m_current = &lane;
  }
  return lane;
}

Result<void> CudaDevice::run(Lane& lane, const Launch& call) {
  const model::OperatorCall work{
      call.op,      call.layer, call.step, call.microBatch, {call.in[0].data, call.in[1].data},
      call.out.data};
  switch (call.work) {
    case Work::kForward:
      return m_model->forward(lane, work);
    case Work::kBackward:
      return m_model->backward(lane, work);
    case Work::kInputGradient:
      return m_model->inputGradient(lane, work);
    case Work::kWeightGradient:
      return m_model->weightGradient(lane, work);
  }
  return {};
}

Result<void> CudaDevice::launch(const Launch& call) {
  Lane& lane = turnTo(call.recompute ? m_recompute : m_compute);
  Timed timed;
  timed.label = call.label;
  timed.begin = m_events.record(lane.queue);
  CARACAL_CHECK_OK(run(lane, call));
  timed.end = m_events.record(lane.queue);
  if (call.work == Work::kForward) timed.bytes = call.out.bytes;
  m_timed.push_back(std::move(timed));
  return check(lane.queue);
}

Result<CudaDevice::Pending> CudaDevice::enter(VirtualGroup& group, int32_t member, Label label,
                                              RankModel::Buffer in, RankModel::Buffer out,
                                              Number number) {
  Pending pending;
  pending.label = label;
  pending.bytes = in.bytes;
  pending.entry = m_events.record(computeQueue());
  CARACAL_TRY(entered, group.enter(member, {in, out, pending.entry, number}));
  pending.groupNumber = entered;
  return pending;
}

Result<void> CudaDevice::finish(VirtualGroup& group, const Pending& pending) {
  CARACAL_TRY(events, group.collect(pending.groupNumber));
  waitFor(computeQueue(), events.end);
  m_timed.push_back({pending.label, pending.entry, events.end, events.begin, pending.bytes});
  return check(m_compute.queue);
}

Result<void> CudaDevice::startCollective(const Collective& call) {
  assert(m_links.tensor != nullptr && "collectives exist only in a tensor-parallel group");
  const RankModel::Buffer gradient = m_model->branchGradient();
  const RankModel::Buffer in =
      call.in.data != nullptr ? RankModel::Buffer{call.in.data, call.in.bytes} : gradient;
  const RankModel::Buffer out =
      call.out.data != nullptr ? RankModel::Buffer{call.out.data, call.out.bytes} : gradient;
  CARACAL_TRY(pending,
              enter(*m_links.tensor, m_options.tensorMember, call.label, in, out, activations()));
  m_pending.emplace(call.number, std::move(pending));
  return {};
}

Result<void> CudaDevice::waitCollective(const Collective& call) {
  auto node = m_pending.extract(call.number);
  assert(!node.empty() && "a collective is waited for once, after its start");
  return finish(*m_links.tensor, node.mapped());
}

Result<void> CudaDevice::copy(const Copy& call) {
  Queue& queue = computeQueue();
  Timed timed;
  timed.label = call.label;
  timed.begin = m_events.record(queue);
  timed.transferBegin = timed.begin;
  timed.bytes = call.from.bytes;
  queue.note("cudaMemcpyAsync",
             cudaMemcpyAsync(call.to.data, call.from.data, static_cast<size_t>(call.from.bytes),
                             cudaMemcpyDefault, queue.stream));
  timed.end = m_events.record(queue);
  m_timed.push_back(std::move(timed));
  return check(queue);
}

RankModel::Buffer CudaDevice::bufferOf(const Exchange& call) {
  if (call.tensor.data != nullptr) return {call.tensor.data, call.tensor.bytes};
  return m_model->streamGradient();
}

Result<void> CudaDevice::send(const Exchange& call) {
  VirtualChannel* channel = m_links.to[static_cast<size_t>(call.peer)];
  assert(channel != nullptr && "the program sends only to other positions of the pipeline");
  const RankModel::Buffer buffer = bufferOf(call);
  CARACAL_TRY(events, channel->send(keyOf(call), computeQueue(), buffer));
  m_timed.push_back({call.label, events.begin, events.end, events.begin, buffer.bytes});
  return check(m_compute.queue);
}

Result<void> CudaDevice::receive(const Exchange& call) {
  VirtualChannel* channel = m_links.from[static_cast<size_t>(call.peer)];
  assert(channel != nullptr && "the program receives only from other positions of the pipeline");
  const RankModel::Buffer buffer = bufferOf(call);
  CARACAL_TRY(events, channel->receive(keyOf(call), computeQueue(), buffer));
  m_timed.push_back({call.label, events.begin, events.end, events.begin, buffer.bytes});
  return check(m_compute.queue);
}

Result<void> CudaDevice::putAside(const HandOver& call) {
  const RankModel::Buffer gradient = m_model->streamGradient();
  DeviceArray<uint8_t>& aside = m_asideOf[{call.chunk, call.microBatch}];
  if (aside.count() == 0) {
    CARACAL_TRY(made, DeviceArray<uint8_t>::make(gradient.bytes));
    aside = std::move(made);
  }
  Queue& queue = computeQueue();
  queue.note("cudaMemcpyAsync", cudaMemcpyAsync(aside.data(), gradient.data, aside.bytes(),
                                                cudaMemcpyDeviceToDevice, queue.stream));
  return check(queue);
}

Result<void> CudaDevice::takeUp(const HandOver& call) {
  const auto aside = m_asideOf.find({call.chunk, call.microBatch});
  assert(aside != m_asideOf.end() && "the backward of the chunk above comes first");
  Queue& queue = computeQueue();
  queue.note("cudaMemcpyAsync",
             cudaMemcpyAsync(m_model->streamGradient().data, aside->second.data(),
                             aside->second.bytes(), cudaMemcpyDeviceToDevice, queue.stream));
  return check(queue);
}

Result<void> CudaDevice::reduceGradients(Label label) {
  assert(m_links.data != nullptr && "gradients are reduced only between replicas");
  const RankModel::Buffer all = m_model->gradients();
  CARACAL_TRY(pending, enter(*m_links.data, m_options.dataMember, label, all, all, Number::kFp32));
  return finish(*m_links.data, pending);
}

Result<void> CudaDevice::startReduction(Label label, int32_t layer) {
  assert(m_links.data != nullptr && "gradients are reduced only between replicas");
  const RankModel::Buffer part = m_model->gradientsOf(layer);
  CARACAL_TRY(pending,
              enter(*m_links.data, m_options.dataMember, label, part, part, Number::kFp32));
  m_reductions.push_back(std::move(pending));
  return {};
}

Result<void> CudaDevice::waitReductions() {
  for (const Pending& pending : std::exchange(m_reductions, {}))
    CARACAL_CHECK_OK(finish(*m_links.data, pending));
  return {};
}

Result<void> CudaDevice::updateWeights(Label label, int32_t step) {
  Lane& lane = turnTo(m_compute);
  Timed timed;
  timed.label = label;
  timed.begin = m_events.record(lane.queue);
  m_model->update(lane, m_options.optimizer, step + 1);
  timed.end = m_events.record(lane.queue);
  m_timed.push_back(std::move(timed));
  return check(lane.queue);
}

void CudaDevice::waitUntil(int64_t ns) {
  m_clock.waitUntil(ns);
  m_base = m_events.record(computeQueue());
  m_baseNs = m_clock.nowNs();
}

// Milliseconds come as a float: exact to a nanosecond or so within a step.
Result<int64_t> CudaDevice::timeOf(const Event& event) const {
  float milliseconds = 0;
  CARACAL_CHECK_OK(check(cudaEventElapsedTime(&milliseconds, m_base.get(), event.get()),
                         "reading the times of a step"));
  return m_baseNs + std::llround(static_cast<double>(milliseconds) * 1e6);
}

Result<void> CudaDevice::finishStep() {
  Queue& queue = computeQueue();
  CARACAL_CHECK_OK(check(queue));
  CARACAL_CHECK_OK(check(cudaStreamSynchronize(queue.stream), "the step"));
  for (const Timed& timed : m_timed) {
    CARACAL_CHECK_OK(check(cudaEventSynchronize(timed.end.get()), "the step"));
    CARACAL_TRY(begin, timeOf(timed.begin));
    CARACAL_TRY(end, timeOf(timed.end));
    int64_t transferNs = -1;
    if (timed.transferBegin) {
      CARACAL_TRY(transferBegin, timeOf(timed.transferBegin));
      transferNs = end - transferBegin;
    }
    m_timings.push_back({timed.label, {begin, end}, transferNs, timed.bytes});
  }
  m_timed.clear();
  CARACAL_TRY(loss, m_model->takeLossSum(m_compute));
  m_lossSum += loss;
  return {};
}

Result<model::ParameterStore*> CudaDevice::fetchParameters() {
  if (m_hostParameters == nullptr) {
    m_hostParameters = std::make_unique<model::ParameterStore>(
        m_options.model.shape, m_options.model.layers, m_options.model.seed);
  }
  CARACAL_CHECK_OK(m_model->download(m_compute, *m_hostParameters));
  return m_hostParameters.get();
}

Result<void> CudaDevice::storeParameters() {
  CARACAL_CHECK_OK(m_model->upload(m_compute, *m_hostParameters));
  m_hostParameters.reset();
  return {};
}

}  // namespace caracal::cuda
