#include "core/sim/folded_device.h"

#include <algorithm>

#include "core/sim/item_durations.h"

namespace caracal::sim {
namespace {

using plan::PassKind;
using plan::ScheduledPass;

bool isSend(const plan::Item& item) {
  return item.action == plan::Action::kSendForward || item.action == plan::Action::kSendBackward;
}

}  // namespace

FoldedDevice::FoldedDevice(const plan::DeviceShape& shape, const plan::PassOrder& order,
                           const std::vector<ChunkCosts>& costs, const OperatorTimes& operators,
                           const plan::Contention& contention, FoldedStage& result)
    : m_shape(shape),
      m_order(order),
      m_roles(plan::rolesOf(shape.chunks.front().profile.parallel, order)),
      m_costs(costs),
      m_profile(shape.chunks.front().profile),
      m_result(result),
      m_runner(shape, operators, contention),
      m_microBatches(static_cast<size_t>(m_profile.parallel.microBatches)),
      m_activations(m_microBatches * shape.chunks.size(), ItemTime{0, kNeverArrives}),
      m_gradients(m_activations) {
  m_nowBytes = staticBytes(shape) + m_profile.memory.workspaceBytes + m_profile.memory.reserveBytes;
  m_result.peakBytes = m_nowBytes;
  m_result.figures.passes.reserve(order.size());
}

void FoldedDevice::connect(std::vector<FoldedDevice>& devices, SharedPorts& ports) {
  m_ports = &ports;
  m_runner.connect(ports);
  for (const plan::HeldChunk& held : m_result.held.chunks) {
    const auto port = [&](int32_t device, int32_t chunk) {
      if (device < 0) return Port{};
      FoldedDevice& to = devices[static_cast<size_t>(device)];
      return Port{&to, to.m_shape.slotOf(chunk) * m_microBatches};
    };
    m_before.push_back(port(held.before, held.chunk - 1));
    m_after.push_back(port(held.after, held.chunk + 1));
  }
}

bool FoldedDevice::advance() {
  const size_t start = m_next;
  while (m_next < m_order.size() && run(m_order[m_next])) ++m_next;
  if (m_next < m_order.size()) return m_next > start;
  const bool wasDone = m_done;
  m_done = m_done || finish();
  return m_next > start || m_done != wasDone;
}

int64_t FoldedDevice::atTheEndNs(plan::Action action) const {
  plan::Item item;
  item.action = action;
  return aloneNs(m_shape, item);
}

// What is left of the reductions, or all of them, and the optimizer; false: they are not over.
bool FoldedDevice::finish() {
  const profile::ParallelShape& parallel = m_profile.parallel;
  const bool atTheEnd = parallel.gradientReplicas() > 1 && !parallel.reducesInBackward();
  if (atTheEnd && !m_runner.hasReduced())
    m_runner.reduce(nowNs(), atTheEndNs(plan::Action::kGradientReduce), nullptr);
  if (m_runner.reducedNs() == kNeverArrives) return false;
  StageFigures& figures = m_result.figures;
  const int64_t waitsFromNs = nowNs();
  m_runner.waitForReductions();
  figures.exposedReduceNs = nowNs() - waitsFromNs;
  const int64_t optimizerNs = atTheEndNs(plan::Action::kOptimizer);
  figures.busyNs += optimizerNs;
  m_runner.clock().runOperator(optimizerNs);
  return true;
}

bool FoldedDevice::run(const ScheduledPass& pass) {
  const size_t slot = m_shape.slotOf(pass.chunk);
  const plan::StageShape& chunk = m_shape.chunks[slot];
  const size_t arrival = slot * m_microBatches + static_cast<size_t>(pass.microBatch);
  switch (pass.kind) {
    case PassKind::kForward:
      if (chunk.linkedBefore() && !receive(m_activations[arrival].endNs)) return false;
      forward(pass, slot);
      if (chunk.linkedAfter())
        send(m_after[slot], pass, &FoldedDevice::m_activations, m_profile.sendForwardNs);
      return true;
    case PassKind::kBackward:
    case PassKind::kInputGradient:
      if (chunk.linkedAfter() && m_gradients[arrival].endNs == kNeverArrives) return false;
      backward(pass, slot, chunk.linkedAfter() ? m_gradients[arrival].endNs : kNeverArrives);
      if (chunk.linkedBefore())
        send(m_before[slot], pass, &FoldedDevice::m_gradients, m_profile.sendBackwardNs);
      return true;
    case PassKind::kWeightGradient:
      work(pass, trace::Pass::kWeight, m_costs[slot].of(pass.microBatch).weights);
      return true;
  }
  return false;
}

bool FoldedDevice::receive(int64_t arrivalNs) {
  if (arrivalNs == kNeverArrives) return false;
  m_runner.clock().idleUntil(arrivalNs);
  return true;
}

void FoldedDevice::send(const Port& to, const ScheduledPass& pass, Arrivals FoldedDevice::*arrivals,
                        int64_t transferNs) {
  ItemTime& arrival = (to.device->*arrivals)[to.begin + static_cast<size_t>(pass.microBatch)];
  if (m_ports->takesSends())
    m_ports->send(static_cast<size_t>(m_shape.device), {m_sendNs, transferNs, nullptr, &arrival});
  else
    arrival = {m_sendNs, m_sendNs + transferNs};
}

void FoldedDevice::forward(const ScheduledPass& pass, size_t slot) {
  work(pass, trace::Pass::kForward, m_costs[slot].forward(pass.microBatch, m_roles.hosted[m_next]));
}

// A pass that waits for no gradient.
void FoldedDevice::work(const ScheduledPass& pass, trace::Pass kind, const PassCost& cost) {
  if (runsByItems(cost))
    runItems(pass, cost, kNeverArrives);
  else
    add(pass, kind, cost, nowNs());
}

// What runs before the gradient is there is hidden; the rest of it is exposed.
void FoldedDevice::backward(const ScheduledPass& pass, size_t slot, int64_t gradientNs) {
  const PassCost& cost = m_costs[slot].of(pass.microBatch).backward;
  if (runsByItems(cost)) return runItems(pass, cost, gradientNs);
  StageFigures& figures = m_result.figures;
  const int64_t hiddenNs = std::clamp(gradientNs - nowNs(), int64_t{0}, cost.pipeNs);
  figures.hiddenRecomputeNs += hiddenNs;
  figures.exposedRecomputeNs += cost.pipeNs - hiddenNs;
  figures.pipeRecomputeNs += cost.pipeBusyNs;
  add(pass, trace::Pass::kBackward, cost, std::max(nowNs() + cost.pipeNs, gradientNs));
}

// The pass starts now and begins at beginningNs (pass_costs.h).
void FoldedDevice::add(const ScheduledPass& pass, trace::Pass kind, const PassCost& cost,
                       int64_t beginningNs) {
  if (m_roles.reduces[m_next]) reduce(cost, beginningNs);
  if (!cost.runs) return;
  StageFigures& figures = m_result.figures;
  const Span span{beginningNs, cost.end.at(nowNs(), beginningNs)};
  m_sendNs = cost.send.at(nowNs(), beginningNs);
  figures.passes.push_back({kind, pass.microBatch, static_cast<int16_t>(pass.chunk), span});
  figures.busyNs += cost.busyNs;
  figures.hiddenRecomputeNs += cost.hiddenNs;
  figures.exposedRecomputeNs += cost.exposedNs;
  figures.exposedOffloadNs += span.lengthNs() - cost.workNs;
  m_runner.clock().idleUntil(span.endNs);
  countMemory(cost);
}

void FoldedDevice::reduce(const PassCost& cost, int64_t beginningNs) {
  for (const Reduction& reduction : cost.reductions)
    m_runner.reduce(reduction.ready.at(nowNs(), beginningNs), reduction.ns, nullptr);
}

void FoldedDevice::countMemory(const PassCost& cost) {
  m_result.peakBytes = std::max(m_result.peakBytes, m_nowBytes + cost.memory.peakBytes);
  m_nowBytes += cost.memory.netBytes;
}

bool FoldedDevice::runsByItems(const PassCost& cost) {
  return !cost.items.empty() && (cost.copies || m_roles.reduces[m_next] || m_runner.clock().busy());
}

// As a replay of every operator does it; gradientNs: kNeverArrives where it waits for none.
void FoldedDevice::runItems(const ScheduledPass& pass, const PassCost& cost, int64_t gradientNs) {
  plan::StageProgram program;
  program.chunks = {m_result.held.chunks[m_shape.slotOf(pass.chunk)]};
  program.items = cost.items;
  StageTimes times;
  times.items.resize(cost.items.size());
  if (gradientNs != kNeverArrives)
    times.gradients.assign(static_cast<size_t>(cost.items.front().passMicroBatch) + 1,
                           ItemTime{gradientNs, gradientNs});
  for (size_t i = 0; i < cost.items.size(); ++i) runItem(cost.items[i], gradientNs, times.items[i]);
  m_result.figures.add(figuresOf(program, times), pass.microBatch);
  if (std::none_of(cost.items.begin(), cost.items.end(), isSend)) m_sendNs = nowNs();
  countMemory(cost);
}

void FoldedDevice::runItem(const plan::Item& item, int64_t gradientNs, ItemTime& time) {
  time = {nowNs(), nowNs()};
  switch (item.action) {
    case plan::Action::kRecvForward:
      break;  // the pass has waited for it
    case plan::Action::kRecvBackward:
      m_runner.clock().idleUntil(gradientNs);
      time.endNs = nowNs();
      break;
    case plan::Action::kSendForward:
    case plan::Action::kSendBackward:
      m_sendNs = nowNs();
      break;
    case plan::Action::kReduceStart:
      if (m_roles.reduces[m_next]) m_runner.reduce(nowNs(), aloneNs(m_shape, item), nullptr);
      break;
    default:
      m_runner.run(item, time);
  }
}

}  // namespace caracal::sim
