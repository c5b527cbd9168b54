#include "runtime/executor/stage_executor.h"

#include <utility>

#include "core/plan/item_effects.h"

namespace caracal::executor {

using plan::Action;
using plan::Item;
using plan::TensorRef;

namespace {

TensorRef gradientRef(const Item& item) {
  return {item.layer, plan::gradientOf(item.op), item.microBatch};
}

bool samePass(const Item& a, const Item& b) {
  return a.pass == b.pass && a.chunk == b.chunk && a.passMicroBatch == b.passMicroBatch;
}

}  // namespace

StageExecutor::StageExecutor(const Job& job, const plan::StageProgram& program, Device& device,
                             const comm::Monitor* monitor)
    : m_table(job.table),
      m_program(program),
      m_graphs(job.profile),
      m_shape(plan::deviceShape(job.profile, m_graphs, job.plan, program)),
      m_device(device),
      m_monitor(monitor),
      m_fixedBytes(device.staticBytes() + device.workspaceBytes()),
      m_pool(device),
      m_hostPool(device.host()),
      m_tensors(m_pool),
      m_hostTensors(m_hostPool) {}

Result<void> StageExecutor::runStep(int32_t step) {
  sampleMemory();
  for (size_t i = 0; i < m_program.items.size(); ++i) {
    const Item& item = m_program.items[i];
    if (m_monitor != nullptr) CARACAL_CHECK_OK(m_monitor->check());
    CARACAL_CHECK_OK(continueBackward(i));
    CARACAL_CHECK_OK(run(item, static_cast<Label>(i), step));
    CARACAL_CHECK_OK(releaseAfter(item));
    CARACAL_CHECK_OK(leaveBackward(i));
    sampleMemory();
  }
  if (const size_t left = m_tensors.count() + m_hostTensors.count(); left > 0) {
    return fail(ErrorCode::kInvalidInput,
                "the program leaves {} tensors alive after a step; make the plan again", left);
  }
  return {};
}

// Between chunks of one device a gradient is handed over where a send and a receive would be.
Result<void> StageExecutor::continueBackward(size_t index) {
  const Item& item = m_program.items[index];
  const bool begins = index == 0 || !samePass(m_program.items[index - 1], item);
  if (!begins || item.pass != trace::Pass::kBackward || !m_shape.of(item).outputIsLocal) return {};
  return m_device.takeUp({item.chunk, item.passMicroBatch});
}

Result<void> StageExecutor::leaveBackward(size_t index) {
  const Item& item = m_program.items[index];
  const bool ends =
      index + 1 == m_program.items.size() || !samePass(item, m_program.items[index + 1]);
  if (!ends || item.pass != trace::Pass::kBackward || !m_shape.of(item).inputIsLocal) return {};
  return m_device.putAside({item.chunk - 1, item.passMicroBatch});
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
      return receiveBackward(item, label);
    case Action::kSendBackward:
      return sendBackward(item, label);
    case Action::kGradientReduce:
      return m_device.reduceGradients(label);
    case Action::kOptimizer:
      return m_device.updateWeights(label, step);
    case Action::kWeightGradient:
      return runWeightGradient(item, label, step);
    case Action::kOffloadStart:
      return offload(item, label);
    case Action::kFetchStart:
      return fetch(item, label);
    case Action::kOffloadWait:
    case Action::kFetchWait:
      return {};  // a copy is part of the order of compute
    case Action::kReduceStart:
      return m_device.startReduction(label, item.layer);
    case Action::kReduceWait:
      return m_device.waitReductions();
  }
  return {};
}

TensorRef StageExecutor::output(const Item& item) const {
  const plan::StageShape& chunk = m_shape.of(item);
  if (item.layer == plan::kFirstEnd) return chunk.layerInput(chunk.firstLayer(), item.microBatch);
  return {item.layer, item.op, item.microBatch};
}

const plan::HeldChunk& StageExecutor::heldChunk(const Item& item) const {
  return m_program.chunks[m_shape.slotOf(item.chunk)];
}

Result<std::array<Tensor, 2>> StageExecutor::findAll(const Item& item,
                                                     const std::vector<int16_t>& reads) {
  std::array<Tensor, 2> found{};
  for (size_t i = 0; i < reads.size() && i < found.size(); ++i) {
    const TensorRef ref = reads[i] == kLayerInput
                              ? m_shape.of(item).layerInput(item.layer, item.microBatch)
                              : TensorRef{item.layer, reads[i], item.microBatch};
    CARACAL_TRY(tensor, m_tensors.find(ref));
    found[i] = tensor;
  }
  return found;
}

Launch StageExecutor::launchOf(const Item& item, Label label, int32_t step) const {
  Launch call;
  call.label = label;
  call.op = m_table.entry(item.layer, item.op).op;
  call.layer = item.layer;
  call.step = step;
  call.microBatch = item.microBatch;
  return call;
}

Result<void> StageExecutor::runForward(const Item& item, Label label, int32_t step) {
  Launch call = launchOf(item, label, step);
  call.recompute = item.action == Action::kRecompute;
  CARACAL_TRY(in, findAll(item, m_table.entry(item.layer, item.op).inputs));
  call.in = in;
  const bool kept = plan::rewritesKept(m_shape.of(item), item);
  CARACAL_TRY(out, kept ? m_tensors.find(output(item))
                        : m_tensors.make(output(item), m_device.outputBytes(call.op)));
  call.out = out;
  return m_device.launch(call);
}

Result<void> StageExecutor::runBackward(const Item& item, Label label, int32_t step) {
  Launch call = launchOf(item, label, step);
  if (item.split && m_shape.of(item).graph(item.layer).operators[item.op].weights) {
    call.work = Work::kInputGradient;
    CARACAL_TRY(gradient, m_tensors.make(gradientRef(item), m_device.outputBytes(call.op)));
    call.out = gradient;
    return m_device.launch(call);
  }
  call.work = Work::kBackward;
  CARACAL_TRY(in, findAll(item, m_table.entry(item.layer, item.op).backwardReads));
  call.in = in;
  return m_device.launch(call);
}

Result<void> StageExecutor::runWeightGradient(const Item& item, Label label, int32_t step) {
  Launch call = launchOf(item, label, step);
  call.work = Work::kWeightGradient;
  CARACAL_TRY(in, findAll(item, m_table.entry(item.layer, item.op).backwardReads));
  call.in = in;
  CARACAL_TRY(gradient, m_tensors.find(gradientRef(item)));
  call.out = gradient;
  return m_device.launch(call);
}

Result<Collective> StageExecutor::collectiveOf(const Item& item, Label label) const {
  Collective call{label, item.collective, m_table.pattern(item), {}, {}};
  if (item.op < 0) {
    const int16_t gathered = m_table.gatheredAgain(item);
    if (gathered == kNone) return call;  // of a gradient
    CARACAL_TRY(in, m_tensors.find({item.layer, gathered, item.microBatch}));
    call.in = in;
    return call;
  }
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
  return m_device.send({label, heldChunk(item).after, item.chunk + 1, item.microBatch, tensor});
}

Result<void> StageExecutor::receiveForward(const Item& item, Label label) {
  CARACAL_TRY(tensor, m_tensors.make(m_shape.of(item).layerInput(item.layer, item.microBatch),
                                     m_device.outputBytes(model::Op::kEmbed)));
  return m_device.receive({label, heldChunk(item).before, item.chunk, item.microBatch, tensor});
}

Result<void> StageExecutor::sendBackward(const Item& item, Label label) {
  return m_device.send({label, heldChunk(item).before, item.chunk - 1, item.microBatch, {}});
}

Result<void> StageExecutor::receiveBackward(const Item& item, Label label) {
  return m_device.receive({label, heldChunk(item).after, item.chunk, item.microBatch, {}});
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
