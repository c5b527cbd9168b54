#include "runtime/cuda/cuda_device.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "runtime/cuda/kernels/collective.h"

namespace caracal::cuda {

using executor::Copy;
using executor::HandOver;
using executor::Label;
using executor::Launch;
using executor::Work;

namespace {

constexpr std::chrono::seconds kWatchersGrace{3};
// Before what is timed alone: the host puts it on the stream meanwhile, so that the GPU does not
// wait for launches, as it would not within a step on the wall clock.
constexpr int64_t kHeadStartNs = 50'000;

std::string textOf(const Launch& call) {
  const char* work = call.recompute                      ? "recomputation"
                     : call.work == Work::kForward       ? "forward"
                     : call.work == Work::kBackward      ? "backward"
                     : call.work == Work::kInputGradient ? "gradient of the input"
                                                         : "gradient of the weights";
  const std::string where =
      call.layer < 0 ? std::string() : fmt::format(" of layer {}", call.layer);
  return fmt::format("{}{}, {} of micro-batch {}", model::id(call.op), where, work,
                     call.microBatch);
}

}  // namespace

Result<std::unique_ptr<CudaDevice>> CudaDevice::make(const executor::RankOptions& options,
                                                     std::shared_ptr<const model::TextSource> text,
                                                     comm::RunClock& clock, Connection connection,
                                                     EventPool& events) {
  auto device =
      std::unique_ptr<CudaDevice>(new CudaDevice(options, clock, std::move(connection), events));
  CARACAL_CHECK_OK(device->prepare(std::move(text)));
  return device;
}

Result<void> CudaDevice::prepareLane(Lane& lane, Stream& stream, DeviceArray<uint8_t>& workspace,
                                     Priority priority) {
  auto made = m_partition != nullptr ? m_partition->makeStream(m_options.position.rank, priority)
                                     : Stream::make(priority);
  if (!made) return tl::unexpected(made.error());
  stream = std::move(*made);
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
  CARACAL_TRY(copies, CopyLanes::make(m_events));
  m_copies = std::move(copies);
  CARACAL_TRY(stamp, DeviceArray<uint64_t>::make(1));
  m_stamp = std::move(stamp);
  CARACAL_TRY(gemm, makeGemm(m_multiprocessors));
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
    return *m_blocks.insert(static_cast<float*>(data)).first;
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

template <class Work>
Result<void> CudaDevice::measure(Queue& queue, Timed timed, Work work) {
  const auto token = alone();
  if (isVirtual()) {
    stampClock(queue, m_stamp.data());
    holdUntil(queue, m_stamp.data(), kHeadStartNs, 1);
  }
  timed.begin = m_events.record(queue);
  CARACAL_CHECK_OK(work());
  timed.end = m_events.record(queue);
  CARACAL_CHECK_OK(check(queue));
  if (!isVirtual()) {
    m_timed.push_back(std::move(timed));
    return {};
  }
  CARACAL_CHECK_OK(awaitEnd(timed));
  CARACAL_TRY(ns, elapsedNs(timed.begin, timed.end));
  m_timings.push_back({timed.label, m_clock.advance(ns), -1, timed.bytes});
  return {};
}

Result<void> CudaDevice::launch(const Launch& call) {
  Lane& lane = turnTo(call.recompute ? m_recompute : m_compute);
  for (const executor::Tensor& tensor : {call.in[0], call.in[1], call.out})
    m_copies.awaitUseOf(tensor, lane.queue);
  Timed timed;
  timed.what = textOf(call);
  timed.label = call.label;
  if (call.work == Work::kForward) timed.bytes = call.out.bytes;
  return measure(lane.queue, std::move(timed), [&] { return run(lane, call); });
}

Result<void> CudaDevice::copy(const Copy& call) {
  if (isVirtual()) {
    return fail(ErrorCode::kUnsupported,
                "copies between GPU and host run beside operators, which a virtual clock takes one "
                "at a time; run plans that offload with --clock wall");
  }
  const auto direction =
      m_pinned.owns(call.to.data) ? CopyDirection::kToHost : CopyDirection::kToDevice;
  CARACAL_TRY(events, m_copies.copy(call, direction, computeQueue()));
  m_timed.push_back({"a copy between GPU and host", call.label, events.begin, events.end,
                     events.begin, call.from.bytes});
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

Result<void> CudaDevice::updateWeights(Label label, int32_t step) {
  if (m_options.model.shape.sequenceParallel) CARACAL_CHECK_OK(sumRowGradients(label));
  Lane& lane = turnTo(m_compute);
  Timed timed;
  timed.what = "the update of the weights";
  timed.label = label;
  return measure(lane.queue, std::move(timed), [&]() -> Result<void> {
    m_model->update(lane, m_options.optimizer, step + 1);
    return {};
  });
}

void CudaDevice::waitUntil(int64_t ns) {
  m_clock.waitUntil(ns);
  m_endNs.reset();
  m_base = m_events.record(computeQueue());
  m_baseNs = m_clock.nowNs();
}

// Milliseconds come as a float: exact to a nanosecond or so within a step.
Result<int64_t> CudaDevice::elapsedNs(const Event& begin, const Event& end) const {
  float milliseconds = 0;
  CARACAL_CHECK_OK(check(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()),
                         "reading the times of a step"));
  return std::llround(static_cast<double>(milliseconds) * 1e6);
}

Result<int64_t> CudaDevice::timeOf(const Event& event) const {
  CARACAL_TRY(sinceBase, elapsedNs(m_base, event));
  return m_baseNs + sinceBase;
}

// Whatever hangs, a kernel, a link or the whole GPU, is the first thing of the step that does not
// end.
Result<void> CudaDevice::awaitEnd(const Timed& timed) {
  if (timed.end == nullptr) return check(cudaErrorMemoryAllocation, "making an event");
  // The watch of NCCL knows more about its operations.
  const bool isWatched = m_network != nullptr && timed.transferBegin != nullptr;
  cudaError_t state = cudaErrorNotReady;
  auto ended = m_options.monitor->poll(
      [&] {
        state = cudaEventQuery(timed.end.get());
        return state != cudaErrorNotReady;
      },
      [&] {
        gpuIsStuck = true;
        return fmt::format("the GPU, in {},", timed.what);
      },
      isWatched ? kWatchersGrace : std::chrono::seconds(0));
  if (!ended) return ended;
  return check(state, timed.what.c_str());
}

Result<void> CudaDevice::finishStep() {
  Queue& queue = computeQueue();
  Timed last;
  last.what = "the end of the step";
  last.end = m_events.record(queue);
  CARACAL_CHECK_OK(check(queue));
  int64_t lastEndNs = 0;
  for (const Timed& timed : m_timed) {
    CARACAL_CHECK_OK(awaitEnd(timed));
    CARACAL_TRY(begin, timeOf(timed.begin));
    CARACAL_TRY(end, timeOf(timed.end));
    int64_t transferNs = -1;
    if (timed.transferBegin) {
      CARACAL_TRY(transferBegin, timeOf(timed.transferBegin));
      transferNs = end - transferBegin;
    }
    m_timings.push_back(
        {timed.label, {begin, end}, transferNs, timed.bytes, timed.askedNs, timed.part});
    lastEndNs = std::max(lastEndNs, end);
  }
  m_timed.clear();
  CARACAL_CHECK_OK(awaitEnd(last));
  CARACAL_TRY(endNs, timeOf(last.end));
  CARACAL_TRY(loss, m_model->takeLossSum(m_compute));
  m_lossSum += loss;
  // Messages end on streams of their own.
  m_endNs = isVirtual() ? m_clock.nowNs() : std::max(endNs, lastEndNs);
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
