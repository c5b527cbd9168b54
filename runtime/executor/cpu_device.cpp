#include "runtime/executor/cpu_device.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <utility>

#include "runtime/executor/replica_exchange.h"

namespace caracal::executor {
namespace {

constexpr size_t kAlignment = 64;  // a cache line, and the widest vector register

std::span<float> floats(const Tensor& tensor) {
  return {tensor.data, static_cast<size_t>(tensor.bytes) / sizeof(float)};
}

}  // namespace

CpuDevice::CpuDevice(const RankOptions& options, std::shared_ptr<const model::TextSource> text,
                     comm::RunClock& clock)
    : m_options(options),
      m_model(options.model, std::move(text)),
      m_clock(clock, options.monitor) {}

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
                                    std::span<const float> values, comm::Pattern pattern) {
  Pending pending;
  pending.label = label;
  pending.entryNs = m_clock.nowNs();
  pending.groupNumber = group.enter(member, values, pending.entryNs, pattern);
  return pending;
}

// Of a gradient: this rank's rows of it to gather, else all of it.
std::span<const float> CpuDevice::handedIn(const Collective& call) {
  if (call.in.data != nullptr) return floats(call.in);
  const std::span<float> branch = m_model.branchGradient();
  const auto rows = static_cast<size_t>(m_model.rowElements());
  return call.pattern == comm::Pattern::kAllGather ? branch.first(rows) : branch;
}

std::span<float> CpuDevice::resultOf(const Collective& call) {
  if (call.out.data != nullptr) return floats(call.out);
  if (call.in.data != nullptr) return m_model.gatheredInput();
  const std::span<float> branch = m_model.branchGradient();
  const auto rows = static_cast<size_t>(m_model.rowElements());
  return call.pattern == comm::Pattern::kReduceScatter ? branch.first(rows) : branch;
}

Result<void> CpuDevice::startCollective(const Collective& call) {
  assert(m_options.links.tensor != nullptr && "collectives exist only in a tensor-parallel group");
  m_pending.emplace(call.number, enter(*m_options.links.tensor, m_options.tensorMember, call.label,
                                       handedIn(call), call.pattern));
  return {};
}

Result<void> CpuDevice::waitCollective(const Collective& call) {
  const auto found = m_pending.find(call.number);
  assert(found != m_pending.end() && "a collective is waited for once, after its start");
  const Pending pending = found->second;
  m_pending.erase(found);
  const std::span<float> result = resultOf(call);
  const size_t whole = std::max(result.size_bytes(), handedIn(call).size_bytes());
  return finish(*m_options.links.tensor, pending, {result, m_options.tensorMember, whole});
}

Result<CpuDevice::Seen> CpuDevice::seeEnd(const comm::Transfer& transfer, int64_t arrivalNs) {
  CARACAL_CHECK_OK(m_clock.waitUntil(transfer.endNs));
  const bool real = m_clock.kind() == comm::ClockKind::kWall;
  if (!real || arrivalNs >= transfer.endNs) return Seen{transfer.endNs, -1};
  return Seen{m_clock.nowNs(), transfer.endNs - transfer.beginNs};
}

Result<void> CpuDevice::finish(comm::ReduceGroup& group, const Pending& pending,
                               const Outcome& outcome) {
  const int64_t arrivalNs = m_clock.nowNs();
  CARACAL_TRY(transfer, group.collect(pending.groupNumber, outcome.values, outcome.member));
  CARACAL_TRY(seen, seeEnd(transfer, arrivalNs));
  m_timings.push_back({pending.label,
                       {pending.entryNs, seen.endNs},
                       seen.endNs - transfer.beginNs,
                       static_cast<int64_t>(outcome.bytes),
                       seen.askedNs,
                       outcome.part});
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
  const int64_t arrivalNs = m_clock.nowNs();
  CARACAL_TRY(transfer, channel->receive(keyOf(call), values));
  CARACAL_TRY(seen, seeEnd(transfer, arrivalNs));
  reportTransfer(call.label, {transfer.beginNs, seen.endNs}, values.size_bytes());
  m_timings.back().askedNs = seen.askedNs;
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
  for (size_t bucket = 0; bucket < m_model.parameters().buckets().size(); ++bucket)
    reduceBucket(label, bucket);
  return waitReductions();
}

// Parts of the model that do not complete a bucket wait for the one that does.
Result<void> CpuDevice::startReduction(Label label, int32_t layer) {
  const std::vector<model::Bucket>& buckets = m_model.parameters().buckets();
  for (size_t bucket = 0; bucket < buckets.size(); ++bucket) {
    if (buckets[bucket].completedBy == layer) reduceBucket(label, bucket);
  }
  return {};
}

void CpuDevice::reduceBucket(Label label, size_t bucket) {
  comm::ReduceGroup* group = m_options.links.data;
  assert(group != nullptr && "gradients are reduced only between replicas");
  model::ParameterStore& parameters = m_model.parameters();
  const auto pattern = sharesState() ? comm::Pattern::kReduceScatter : comm::Pattern::kAllReduce;
  const std::vector<float> message =
      messageOf(parameters.buckets()[bucket], parameters.gradients());
  m_reductions.push_back({enter(*group, m_options.dataMember, label, message, pattern), bucket});
}

Result<void> CpuDevice::waitReductions() {
  model::ParameterStore& parameters = m_model.parameters();
  for (const Reduction& reduction : std::exchange(m_reductions, {})) {
    const model::Bucket& bucket = parameters.buckets()[reduction.bucket];
    const auto whole = static_cast<size_t>(bucket.count);
    const auto part = comm::partOf(whole, m_options.dataMember, m_options.parallel.data);
    std::vector<float> result(sharesState() ? part.count : whole);
    CARACAL_CHECK_OK(finish(*m_options.links.data, reduction.pending,
                            {result, m_options.dataMember, whole * sizeof(float)}));
    if (sharesState())
      spreadOwned(result, parameters, reduction.bucket, parameters.gradients());
    else
      spread(result, bucket, parameters.gradients());
  }
  return {};
}

bool CpuDevice::sharesState() const {
  return m_options.model.layers.reductions.stateShards > 1;
}

Result<void> CpuDevice::updateWeights(Label label, int32_t step) {
  if (m_options.model.shape.sequenceParallel) CARACAL_CHECK_OK(sumRowGradients(label));
  const Span span =
      m_clock.measure([&] { m_model.parameters().update(m_options.optimizer, step + 1); });
  m_timings.push_back({label, span, -1, -1});
  return sharesState() ? gatherWeights(label) : Result<void>{};
}

Result<void> CpuDevice::sumRowGradients(Label label) {
  comm::ReduceGroup& group = *m_options.links.tensor;
  std::vector<float> message = rowGradients(m_model.parameters());
  const Pending pending = enter(group, m_options.tensorMember, label, message);
  CARACAL_CHECK_OK(
      finish(group, pending,
             {message, m_options.tensorMember, std::span(message).size_bytes(), Part::kRowSums}));
  spreadRowGradients(message, m_model.parameters());
  return {};
}

Result<void> CpuDevice::gatherWeights(Label label) {
  comm::ReduceGroup& group = *m_options.links.data;
  model::ParameterStore& parameters = m_model.parameters();
  std::vector<Pending> gathers;
  for (size_t bucket = 0; bucket < parameters.buckets().size(); ++bucket) {
    gathers.push_back(enter(group, m_options.dataMember, label,
                            ownedPart(parameters, bucket, parameters.weights()),
                            comm::Pattern::kAllGather));
  }
  for (size_t bucket = 0; bucket < gathers.size(); ++bucket) {
    const model::Bucket& of = parameters.buckets()[bucket];
    std::vector<float> whole(static_cast<size_t>(of.count));
    CARACAL_CHECK_OK(finish(
        group, gathers[bucket],
        {whole, m_options.dataMember, std::span(whole).size_bytes(), Part::kParameterGather}));
    spread(whole, of, parameters.weights());
  }
  return {};
}

std::vector<Timing> CpuDevice::takeTimings() {
  return std::exchange(m_timings, {});
}

}  // namespace caracal::executor
