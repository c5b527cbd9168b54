#include "core/sim/folded_replay.h"

#include <algorithm>
#include <utility>

#include "core/plan/device_lowering.h"
#include "core/plan/schedule.h"
#include "core/sim/item_durations.h"
#include "core/sim/pass_costs.h"
#include "core/sim/shared_ports.h"

namespace caracal::sim {
namespace {

using plan::PassKind;
using plan::ScheduledPass;

// One device's clock, as DeviceReplay in replay.cpp, a pass at a time.
class FoldedDevice {
 public:
  FoldedDevice(const plan::DeviceShape& shape, const plan::PassOrder& order,
               const std::vector<ChunkCosts>& costs, FoldedStage& result)
      : m_shape(shape),
        m_order(order),
        m_roles(plan::rolesOf(shape.chunks.front().profile.parallel, order)),
        m_costs(costs),
        m_profile(shape.chunks.front().profile),
        m_result(result),
        m_microBatches(static_cast<size_t>(m_profile.parallel.microBatches)),
        m_activations(m_microBatches * shape.chunks.size(), ItemTime{0, kNeverArrives}),
        m_gradients(m_activations) {
    m_nowBytes =
        staticBytes(shape) + m_profile.memory.workspaceBytes + m_profile.memory.reserveBytes;
    m_result.peakBytes = m_nowBytes;
    m_result.figures.passes.reserve(order.size());
  }

  // `devices` and `ports`: of the whole pipeline, at their final addresses.
  void connect(std::vector<FoldedDevice>& devices, SharedPorts& ports) {
    m_ports = &ports;
    m_reductions.connect(ports, static_cast<size_t>(m_shape.device));
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

  // True when at least one pass ran.
  bool advance() {
    const size_t start = m_next;
    while (m_next < m_order.size() && run(m_order[m_next])) ++m_next;
    if (m_next < m_order.size()) return m_next > start;
    const bool wasDone = m_done;
    m_done = m_done || finish();
    return m_next > start || m_done != wasDone;
  }

  bool done() const { return m_done; }
  size_t position() const { return m_next; }

  // The end of the step. REQUIRES done().
  int64_t endNs() const { return m_nowNs; }

 private:
  using Arrivals = std::vector<ItemTime>;  // they end kNeverArrives until sent
  struct Port {
    FoldedDevice* device = nullptr;
    size_t begin = 0;  // of its chunk's arrivals
  };

  int64_t atTheEndNs(plan::Action action) const {
    plan::Item item;
    item.action = action;
    return aloneNs(m_shape, item);
  }

  // What is left of the reductions, or all of them, and the optimizer; false: they are not over.
  bool finish() {
    const profile::ParallelShape& parallel = m_profile.parallel;
    const bool atTheEnd = parallel.gradientReplicas() > 1 && !parallel.reducesInBackward();
    if (atTheEnd && !m_reductions.started())
      m_reductions.start(m_nowNs, atTheEndNs(plan::Action::kGradientReduce));
    if (m_reductions.endNs() == kNeverArrives) return false;
    StageFigures& figures = m_result.figures;
    figures.exposedReduceNs = std::max<int64_t>(0, m_reductions.endNs() - m_nowNs);
    const int64_t optimizerNs = atTheEndNs(plan::Action::kOptimizer);
    figures.busyNs += optimizerNs;
    m_nowNs += figures.exposedReduceNs + optimizerNs;
    return true;
  }

  bool run(const ScheduledPass& pass) {
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
        add(pass, trace::Pass::kWeight, m_costs[slot].of(pass.microBatch).weights, m_nowNs);
        return true;
    }
    return false;
  }

  bool receive(int64_t arrivalNs) {
    if (arrivalNs == kNeverArrives) return false;
    m_nowNs = std::max(m_nowNs, arrivalNs);
    return true;
  }

  void send(const Port& to, const ScheduledPass& pass, Arrivals FoldedDevice::*arrivals,
            int64_t transferNs) {
    ItemTime& arrival = (to.device->*arrivals)[to.begin + static_cast<size_t>(pass.microBatch)];
    if (m_ports->takesSends())
      m_ports->send(static_cast<size_t>(m_shape.device), {m_sendNs, transferNs, nullptr, &arrival});
    else
      arrival = {m_sendNs, m_sendNs + transferNs};
  }

  void forward(const ScheduledPass& pass, size_t slot) {
    add(pass, trace::Pass::kForward, m_costs[slot].forward(pass.microBatch, m_roles.hosted[m_next]),
        m_nowNs);
  }

  // What runs before the gradient is there is hidden; the rest of it is exposed.
  void backward(const ScheduledPass& pass, size_t slot, int64_t gradientNs) {
    const PassCost& cost = m_costs[slot].of(pass.microBatch).backward;
    StageFigures& figures = m_result.figures;
    const int64_t hiddenNs = std::clamp(gradientNs - m_nowNs, int64_t{0}, cost.pipeNs);
    figures.hiddenRecomputeNs += hiddenNs;
    figures.exposedRecomputeNs += cost.pipeNs - hiddenNs;
    figures.pipeRecomputeNs += cost.pipeBusyNs;
    add(pass, trace::Pass::kBackward, cost, std::max(m_nowNs + cost.pipeNs, gradientNs));
  }

  // The pass starts now and begins at beginningNs (pass_costs.h).
  void add(const ScheduledPass& pass, trace::Pass kind, const PassCost& cost, int64_t beginningNs) {
    if (m_roles.reduces[m_next]) reduce(cost, beginningNs);
    if (!cost.runs) return;
    StageFigures& figures = m_result.figures;
    const Span span{beginningNs, cost.end.at(m_nowNs, beginningNs)};
    m_sendNs = cost.send.at(m_nowNs, beginningNs);
    figures.passes.push_back({kind, pass.microBatch, static_cast<int16_t>(pass.chunk), span});
    figures.busyNs += cost.busyNs;
    figures.hiddenRecomputeNs += cost.hiddenNs;
    figures.exposedRecomputeNs += cost.exposedNs;
    figures.exposedOffloadNs += span.lengthNs() - cost.workNs;
    m_nowNs = span.endNs;
    m_result.peakBytes = std::max(m_result.peakBytes, m_nowBytes + cost.memory.peakBytes);
    m_nowBytes += cost.memory.netBytes;
  }

  void reduce(const PassCost& cost, int64_t beginningNs) {
    for (const Reduction& reduction : cost.reductions)
      m_reductions.start(reduction.ready.at(m_nowNs, beginningNs), reduction.ns);
  }

  const plan::DeviceShape& m_shape;
  const plan::PassOrder& m_order;
  plan::PassRoles m_roles;
  const std::vector<ChunkCosts>& m_costs;
  const profile::Profile& m_profile;
  FoldedStage& m_result;
  size_t m_microBatches;
  Arrivals m_activations, m_gradients;  // arrivals by chunk and micro-batch
  std::vector<Port> m_before, m_after;  // per chunk
  size_t m_next = 0;
  int64_t m_nowNs = 0;
  int64_t m_sendNs = 0;  // when the last pass sent
  SharedPorts* m_ports = nullptr;
  ReductionStream m_reductions;
  bool m_done = false;
  int64_t m_nowBytes = 0;
};

// Everything that the devices refer to.
struct Setup {
  std::vector<plan::DeviceShape> shapes;
  std::vector<std::vector<ChunkCosts>> costs;
};

std::string waitingPasses(const std::vector<FoldedDevice>& devices) {
  std::string text;
  for (size_t d = 0; d < devices.size(); ++d) {
    if (!devices[d].done()) text += fmt::format(" stage {} at pass {}", d, devices[d].position());
  }
  return text;
}

}  // namespace

Result<FoldedReplay> foldedReplay(const profile::Profile& profile, const plan::Plan& plan,
                                  std::stop_token stop) {
  CARACAL_TRY(schedule, plan::makeSchedule(plan.schedule, profile.parallel.pipeline,
                                           profile.parallel.microBatches));
  CARACAL_CHECK_OK(plan::checkChunks(schedule, plan));
  const plan::ProfileGraphs graphs(profile);
  FoldedReplay result;
  Setup setup;
  for (int32_t d = 0; d < schedule.devices; ++d) {
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "simulation cancelled");
    FoldedStage& stage = result.stages.emplace_back();
    stage.held = plan::emptyProgram(schedule, d);
    setup.shapes.push_back(plan::deviceShape(profile, graphs, plan, stage.held));
    CARACAL_TRY(costs,
                passCostsOf(profile, plan, stage.held, schedule.orders[static_cast<size_t>(d)]));
    setup.costs.push_back(std::move(costs));
  }
  std::vector<FoldedDevice> devices;
  devices.reserve(setup.shapes.size());
  for (size_t d = 0; d < setup.shapes.size(); ++d)
    devices.emplace_back(setup.shapes[d], schedule.orders[d], setup.costs[d], result.stages[d]);
  SharedPorts ports(profile, devices.size());
  for (FoldedDevice& device : devices) device.connect(devices, ports);
  for (bool progress = true; progress;) {
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "simulation cancelled");
    progress = false;
    for (FoldedDevice& device : devices) progress |= device.advance();
    if (!progress) progress = ports.completeNext();
  }
  for (FoldedDevice& device : devices) {
    if (!device.done()) {
      return fail(ErrorCode::kInvalidInput, "the schedule waits for itself:{} (please report this)",
                  waitingPasses(devices));
    }
    result.stepNs = std::max(result.stepNs, device.endNs());
  }
  return result;
}

}  // namespace caracal::sim
