#include "core/sim/replay.h"

#include <algorithm>
#include <string>

#include "core/plan/stage_shape.h"
#include "core/sim/item_durations.h"
#include "core/sim/item_runner.h"
#include "core/sim/operator_times.h"
#include "core/sim/shared_ports.h"

namespace caracal::sim {
namespace {

using plan::Action;
using plan::Item;

using Arrivals = std::vector<ItemTime>;  // as in StageTimes; they end kNeverArrives until sent

// One device's clock: runs its items in order until one waits for what has not been sent yet.
class DeviceReplay {
 public:
  DeviceReplay(const plan::DeviceShape& shape, const plan::StageProgram& program,
               const OperatorTimes& operators, const plan::Contention& contention)
      : m_shape(shape),
        m_program(program),
        m_runner(shape, operators, contention),
        m_profile(shape.chunks.front().profile),
        m_microBatches(static_cast<size_t>(m_profile.parallel.microBatches)),
        m_activations(m_microBatches * shape.chunks.size(), ItemTime{0, kNeverArrives}),
        m_gradients(m_activations) {
    m_times.items.resize(program.items.size());
    for (size_t slot = 0; slot < program.chunks.size(); ++slot)
      m_slotOf.push_back({program.chunks[slot].chunk, slot});
  }

  // Everything that other devices would send is there at 0, and what is sent to them is lost.
  void runAlone(EarlyFetches earlyFetches) {
    for (size_t slot = 0; slot < m_shape.chunks.size(); ++slot) {
      const auto fill = [&](Arrivals& arrivals) {
        std::fill_n(arrivals.begin() + static_cast<std::ptrdiff_t>(slot * m_microBatches),
                    m_microBatches, ItemTime{});
      };
      if (m_shape.chunks[slot].linkedBefore()) fill(m_activations);
      if (m_shape.chunks[slot].linkedAfter()) fill(m_gradients);
    }
    m_before.resize(m_program.chunks.size());
    m_after.resize(m_program.chunks.size());
    m_runner.setEarlyFetches(earlyFetches);
    advance();
  }

  // `devices` and `ports`: of the whole pipeline, at their final addresses.
  void connect(std::vector<DeviceReplay>& devices, SharedPorts& ports) {
    m_ports = &ports;
    m_runner.connect(ports);
    for (const plan::HeldChunk& held : m_program.chunks) {
      m_before.push_back(held.before < 0 ? Port{} : devices[at(held.before)].port(held.chunk - 1));
      m_after.push_back(held.after < 0 ? Port{} : devices[at(held.after)].port(held.chunk + 1));
    }
  }

  // True when at least one item ran.
  bool advance() {
    const size_t start = m_next;
    while (m_next < m_program.items.size() && run(m_program.items[m_next], m_times.items[m_next]))
      ++m_next;
    return m_next > start;
  }

  bool done() const { return m_next == m_program.items.size(); }
  size_t position() const { return m_next; }
  int64_t nowNs() const { return m_runner.nowNs(); }
  StageTimes takeTimes() {
    const auto& chunks = m_program.chunks;
    const auto fed = [](const plan::HeldChunk& held) { return held.before >= 0; };
    const auto answered = [](const plan::HeldChunk& held) { return held.after >= 0; };
    if (std::any_of(chunks.begin(), chunks.end(), fed))
      m_times.activations = std::move(m_activations);
    if (std::any_of(chunks.begin(), chunks.end(), answered))
      m_times.gradients = std::move(m_gradients);
    return std::move(m_times);
  }

 private:
  // Where a chunk of a device takes what is sent to it.
  struct Port {
    DeviceReplay* device = nullptr;
    size_t slot = 0;
  };
  Port port(int32_t chunk) { return {this, slotOf(chunk)}; }
  static size_t at(int32_t index) { return static_cast<size_t>(index); }
  size_t slotOf(int32_t chunk) const {
    size_t i = 0;
    while (m_slotOf[i].first != chunk) ++i;
    return m_slotOf[i].second;
  }
  size_t arrival(size_t slot, const Item& item) const {
    return slot * m_microBatches + static_cast<size_t>(item.microBatch);
  }

  bool run(const Item& item, ItemTime& time) {
    switch (item.action) {
      case Action::kRecvForward:
        return receive(m_activations, item, time);
      case Action::kRecvBackward:
        return receive(m_gradients, item, time);
      case Action::kSendForward:
        sendTo(m_after[slotOf(item.chunk)], &DeviceReplay::m_activations, item,
               m_profile.sendForwardNs, time);
        return true;
      case Action::kSendBackward:
        sendTo(m_before[slotOf(item.chunk)], &DeviceReplay::m_gradients, item,
               m_profile.sendBackwardNs, time);
        return true;
      case Action::kGradientReduce:
        if (!m_runner.hasReduced()) m_runner.reduce(nowNs(), aloneNs(m_shape, item), nullptr);
        return waitForReductions(time);
      case Action::kReduceWait:
        return waitForReductions(time);
      default:
        m_runner.run(item, time);
        return true;
    }
  }

  void sendTo(const Port& to, Arrivals DeviceReplay::*arrivals, const Item& item, int64_t ns,
              ItemTime& time) {
    time = {nowNs(), nowNs() + ns};
    if (to.device == nullptr) return;
    ItemTime& arrived = (to.device->*arrivals)[arrival(to.slot, item)];
    if (m_ports->takesSends())
      m_ports->send(at(m_shape.device), {nowNs(), ns, &time, &arrived});
    else
      arrived = time;
  }

  bool receive(const Arrivals& arrivals, const Item& item, ItemTime& time) {
    return waitUntil(arrivals[arrival(slotOf(item.chunk), item)].endNs, time);
  }

  bool waitForReductions(ItemTime& time) {
    time.beginNs = nowNs();
    if (m_runner.reducedNs() == kNeverArrives) return false;
    m_runner.waitForReductions();
    time.endNs = nowNs();
    return true;
  }

  // False: it is not known yet until when.
  bool waitUntil(int64_t ns, ItemTime& time) {
    if (ns == kNeverArrives) return false;
    time.beginNs = nowNs();
    m_runner.clock().idleUntil(ns);
    time.endNs = nowNs();
    return true;
  }

  const plan::DeviceShape& m_shape;
  const plan::StageProgram& m_program;
  ItemRunner m_runner;
  const profile::Profile& m_profile;
  size_t m_microBatches;
  std::vector<std::pair<int32_t, size_t>> m_slotOf;  // chunk, slot
  std::vector<Port> m_before, m_after;               // per slot
  Arrivals m_activations;
  Arrivals m_gradients;
  SharedPorts* m_ports = nullptr;  // nothing is sent without
  size_t m_next = 0;
  StageTimes m_times;
};

std::string waitingItems(const std::vector<DeviceReplay>& stages) {
  std::string text;
  for (size_t s = 0; s < stages.size(); ++s) {
    if (!stages[s].done()) text += fmt::format(" stage {} at item {}", s, stages[s].position());
  }
  return text;
}

}  // namespace

Result<Replay> replay(const profile::Profile& profile, const plan::Plan& plan,
                      const plan::Program& program, std::stop_token stop) {
  const plan::ProfileGraphs graphs(profile);
  const plan::Contention contention = plan::Contention::of(profile.kappa, profile.rho);
  const OperatorTimes operators(profile);
  const size_t count = program.stages.size();
  std::vector<plan::DeviceShape> shapes;
  for (const plan::StageProgram& device : program.stages)
    shapes.push_back(plan::deviceShape(profile, graphs, plan, device));
  std::vector<DeviceReplay> stages;
  stages.reserve(count);
  for (size_t s = 0; s < count; ++s)
    stages.emplace_back(shapes[s], program.stages[s], operators, contention);
  SharedPorts ports(profile, count);
  for (DeviceReplay& stage : stages) stage.connect(stages, ports);
  for (bool progress = true; progress;) {
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "simulation cancelled");
    progress = false;
    for (DeviceReplay& stage : stages) progress |= stage.advance();
    if (!progress) progress = ports.completeNext();
  }
  Replay result;
  for (DeviceReplay& stage : stages) {
    if (!stage.done()) {
      return fail(ErrorCode::kInvalidInput, "the schedule waits for itself:{} (please report this)",
                  waitingItems(stages));
    }
    result.stepNs = std::max(result.stepNs, stage.nowNs());
    result.stages.push_back(stage.takeTimes());
  }
  return result;
}

StageTimes replayAlone(const plan::DeviceShape& device, const plan::StageProgram& program,
                       EarlyFetches earlyFetches) {
  const profile::Profile& profile = device.chunks.front().profile;
  const plan::Contention contention = plan::Contention::of(profile.kappa, profile.rho);
  const OperatorTimes operators(profile);
  DeviceReplay alone(device, program, operators, contention);
  alone.runAlone(earlyFetches);
  return alone.takeTimes();
}

}  // namespace caracal::sim
