#include "runtime/executor/stage_executor.h"

#include <utility>

namespace caracal::executor {

using plan::Action;
using plan::Item;
using plan::TensorRef;

StageExecutor::StageExecutor(const OperatorTable& table, const plan::StageProgram& program,
                             int32_t firstLayer, int32_t topLayer, Device& device)
    : m_table(table),
      m_program(program),
      m_firstLayer(firstLayer),
      m_topLayer(topLayer),
      m_device(device),
      m_fixedBytes(device.staticBytes() + device.workspaceBytes()),
      m_pool(device),
      m_hostPool(device.host()),
      m_tensors(m_pool),
      m_hostTensors(m_hostPool) {}

Result<void> StageExecutor::runStep(int32_t step) {
  sampleMemory();
  for (size_t i = 0; i < m_program.items.size(); ++i) {
    const Item& item = m_program.items[i];
    CARACAL_CHECK_OK(run(item, static_cast<Label>(i), step));
    CARACAL_CHECK_OK(releaseAfter(item));
    sampleMemory();
  }
  if (const size_t left = m_tensors.count() + m_hostTensors.count(); left > 0) {
    return fail(ErrorCode::kInvalidInput,
                "the program leaves {} tensors alive after a step; make the plan again", left);
  }
  return {};
}

Result<void> StageExecutor::run(const Item& item, Label label, int32_t step) {
  switch (item.action) {
    case Action::kForward:
    case Action::kRecompute:
      return runForward(item, label, step);
    case Action::kBackward:
      return runBackward(item, label, step);
    case Action::kCollectiveStart:
      return startCollective(item, label);
    case Action::kCollectiveWait:
      return waitCollective(item, label);
    case Action::kRecvForward:
      return receiveForward(item, label);
    case Action::kSendForward:
      return sendForward(item, label);
    case Action::kRecvBackward:
      return m_device.receive({label, Direction::kBackward, {}});
    case Action::kSendBackward:
      return m_device.send({label, Direction::kBackward, {}});
    case Action::kGradientReduce:
      return m_device.reduceGradients(label);
    case Action::kOptimizer:
      return m_device.updateWeights(label, step);
    case Action::kWeightGradient:
      return fail(ErrorCode::kUnsupported, "weight gradients cannot run apart from their backward");
    case Action::kOffloadStart:
      return offload(item, label);
    case Action::kFetchStart:
      return fetch(item, label);
    case Action::kOffloadWait:
    case Action::kFetchWait:
      return {};  // a copy is part of the order of compute
    case Action::kReduceStart:
    case Action::kReduceWait:
      return fail(ErrorCode::kUnsupported, "gradients cannot be reduced beside backward");
  }
  return {};
}

TensorRef StageExecutor::layerInput(int32_t layer, int32_t microBatch) const {
  if (layer == m_firstLayer) return {layer, -1, microBatch};
  const int32_t below = layer == plan::kLastEnd ? m_topLayer : layer - 1;
  return {below, m_table.lastOperator(below), microBatch};
}

TensorRef StageExecutor::output(const Item& item) const {
  if (item.layer == plan::kFirstEnd) return {m_firstLayer, -1, item.microBatch};
  return {item.layer, item.op, item.microBatch};
}

Result<std::array<Tensor, 2>> StageExecutor::findAll(const Item& item,
                                                     const std::vector<int16_t>& reads) {
  std::array<Tensor, 2> found{};
  for (size_t i = 0; i < reads.size() && i < found.size(); ++i) {
    const TensorRef ref = reads[i] == kLayerInput
                              ? layerInput(item.layer, item.microBatch)
                              : TensorRef{item.layer, reads[i], item.microBatch};
    CARACAL_TRY(tensor, m_tensors.find(ref));
    found[i] = tensor;
  }
  return found;
}

Result<void> StageExecutor::runForward(const Item& item, Label label, int32_t step) {
  const OperatorEntry& entry = m_table.entry(item.layer, item.op);
  Launch call{label, Direction::kForward, entry.op, item.layer, step, item.microBatch, {}, {}};
  CARACAL_TRY(in, findAll(item, entry.inputs));
  call.in = in;
  CARACAL_TRY(out, m_tensors.make(output(item), m_device.outputBytes(entry.op)));
  call.out = out;
  return m_device.launch(call);
}

Result<void> StageExecutor::runBackward(const Item& item, Label label, int32_t step) {
  const OperatorEntry& entry = m_table.entry(item.layer, item.op);
  Launch call{label, Direction::kBackward, entry.op, item.layer, step, item.microBatch, {}, {}};
  CARACAL_TRY(in, findAll(item, entry.backwardReads));
  call.in = in;
  return m_device.launch(call);
}

Result<Collective> StageExecutor::collectiveOf(const Item& item, Label label) const {
  Collective call{label, item.collective, {}, {}};
  if (item.op < 0) return call;  // of a gradient
  const OperatorEntry& entry = m_table.entry(item.layer, item.op);
  CARACAL_TRY(in, m_tensors.find({item.layer, entry.inputs.front(), item.microBatch}));
  CARACAL_TRY(out, m_tensors.find(output(item)));
  call.in = in;
  call.out = out;
  return call;
}

Result<void> StageExecutor::startCollective(const Item& item, Label label) {
  if (item.op >= 0) {
    const int64_t bytes = m_device.outputBytes(m_table.entry(item.layer, item.op).op);
    CARACAL_TRY(made, m_tensors.make(output(item), bytes));
    static_cast<void>(made);
  }
  CARACAL_TRY(call, collectiveOf(item, label));
  return m_device.startCollective(call);
}

Result<void> StageExecutor::waitCollective(const Item& item, Label label) {
  CARACAL_TRY(call, collectiveOf(item, label));
  return m_device.waitCollective(call);
}

Result<void> StageExecutor::sendForward(const Item& item, Label label) {
  CARACAL_TRY(tensor, m_tensors.find(output(item)));
  return m_device.send({label, Direction::kForward, tensor});
}

Result<void> StageExecutor::receiveForward(const Item& item, Label label) {
  CARACAL_TRY(tensor, m_tensors.make({m_firstLayer, -1, item.microBatch},
                                     m_device.outputBytes(model::Op::kEmbed)));
  return m_device.receive({label, Direction::kForward, tensor});
}

Result<void> StageExecutor::offload(const Item& item, Label label) {
  CARACAL_TRY(from, m_tensors.find(output(item)));
  CARACAL_TRY(to, m_hostTensors.make(output(item), from.bytes));
  return m_device.copy({label, from, to});
}

Result<void> StageExecutor::fetch(const Item& item, Label label) {
  CARACAL_TRY(from, m_hostTensors.find(output(item)));
  CARACAL_TRY(to, m_tensors.make(output(item), from.bytes));
  CARACAL_CHECK_OK(m_device.copy({label, from, to}));
  return m_hostTensors.release(output(item));
}

Result<void> StageExecutor::releaseAfter(const Item& item) {
  for (uint32_t i = item.releaseBegin; i < item.releaseEnd; ++i) {
    CARACAL_CHECK_OK(m_tensors.release(m_program.releases[i]));
  }
  return {};
}

void StageExecutor::sampleMemory() {
  const int64_t bytes = m_fixedBytes + m_pool.liveBytes();
  if (m_memory.empty() || m_memory.back().bytes != bytes)
    m_memory.push_back({m_device.nowNs(), bytes});
}

std::vector<MemorySample> StageExecutor::takeMemory() {
  return std::exchange(m_memory, {});
}

}  // namespace caracal::executor
