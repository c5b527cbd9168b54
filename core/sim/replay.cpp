#include "core/sim/replay.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <string>

#include "core/plan/overlap_clock.h"
#include "core/plan/stage_shape.h"
#include "core/sim/copy_stream.h"
#include "core/sim/item_durations.h"
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
        m_operators(operators),
        m_contention(contention),
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
    m_earlyFetches = earlyFetches;
    advance();
  }

  // `devices` and `ports`: of the whole pipeline, at their final addresses.
  void connect(std::vector<DeviceReplay>& devices, SharedPorts& ports) {
    m_ports = &ports;
    m_reductions.connect(ports, at(m_shape.device));
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
  int64_t nowNs() const { return m_nowNs; }
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
    time.beginNs = m_nowNs;
    switch (item.action) {
      case Action::kForward:
        m_nowNs += item.op < 0 ? 0 : m_operators.of(item).forwardNs;
        break;
      case Action::kBackward:
        m_nowNs +=
            item.split ? m_operators.of(item).inputGradientNs : m_operators.of(item).backwardNs;
        break;
      case Action::kWeightGradient:
        m_nowNs += m_operators.of(item).backwardNs - m_operators.of(item).inputGradientNs;
        break;
      case Action::kOptimizer:
        m_nowNs += aloneNs(m_shape, item);
        break;
      case Action::kGradientReduce:
        if (!m_reductions.started()) m_reductions.start(m_nowNs, aloneNs(m_shape, item));
        return waitForReductions(time);
      case Action::kReduceStart:
        m_reductions.start(m_nowNs, aloneNs(m_shape, item), &time);
        return true;
      case Action::kReduceWait:
        return waitForReductions(time);
      case Action::kOffloadStart:
        time = m_offloads.start(m_nowNs, aloneNs(m_shape, item));
        return true;
      case Action::kFetchStart:
        time = m_fetches.start(m_nowNs, fetchNs(item));
        return true;
      case Action::kOffloadWait:
        m_nowNs = m_offloads.wait(m_nowNs);
        break;
      case Action::kFetchWait:
        m_nowNs = m_fetches.wait(m_nowNs);
        break;
      case Action::kRecompute:
        recompute(m_operators.of(item).forwardNs);
        break;
      case Action::kCollectiveStart:
        start(item, time);
        return true;
      case Action::kCollectiveWait:
        wait(item);
        break;
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
    }
    time.endNs = m_nowNs;
    return true;
  }

  void sendTo(const Port& to, Arrivals DeviceReplay::*arrivals, const Item& item, int64_t ns,
              ItemTime& time) {
    time.endNs = m_nowNs + ns;
    if (to.device == nullptr) return;
    ItemTime& arrived = (to.device->*arrivals)[arrival(to.slot, item)];
    if (m_ports->takesSends())
      m_ports->send(at(m_shape.device), {m_nowNs, ns, &time, &arrived});
    else
      arrived = time;
  }

  bool receive(const Arrivals& arrivals, const Item& item, ItemTime& time) {
    const int64_t arrivalNs = arrivals[arrival(slotOf(item.chunk), item)].endNs;
    if (arrivalNs == kNeverArrives) return false;
    m_nowNs = std::max(m_nowNs, arrivalNs);
    time.endNs = m_nowNs;
    return true;
  }

  bool waitForReductions(ItemTime& time) {
    if (m_reductions.endNs() == kNeverArrives) return false;
    m_nowNs = std::max(m_nowNs, m_reductions.endNs());
    time.endNs = m_nowNs;
    return true;
  }

  int64_t fetchNs(const Item& item) const {
    const bool early = item.layer == m_shape.of(item).topLayer();
    return early && m_earlyFetches == EarlyFetches::kFree ? 0 : aloneNs(m_shape, item);
  }

  void recompute(int64_t ns) {
    if (!m_window) {
      m_nowNs += ns;
      return;
    }
    m_window->runOperator(ns);
    m_nowNs = m_windowBeginNs + m_window->elapsedNs();
  }

  void start(const Item& item, ItemTime& time) {
    const int64_t ns = aloneNs(m_shape, item);
    if (item.window == plan::kRepeatedCollective) {
      time.beginNs = m_nowNs;
      if (m_window) time.beginNs = m_windowBeginNs + m_window->repeatCollective(ns);
      time.endNs = time.beginNs + ns;
      m_repeatedEndNs = time.endNs;
      return;
    }
    assert(!m_window && "a stage has one communication stream and one window open at a time");
    m_windowBeginNs = m_nowNs;
    m_windowItem = &time;
    m_window.emplace(ns, m_contention);
  }

  void wait(const Item& item) {
    if (item.window == plan::kRepeatedCollective) {
      m_nowNs = m_repeatedEndNs;
      return;
    }
    m_windowItem->endNs = m_windowBeginNs + m_window->collectiveEndNs();
    m_nowNs = m_windowBeginNs + m_window->finish();
    m_window.reset();
  }

  const plan::DeviceShape& m_shape;
  const plan::StageProgram& m_program;
  const OperatorTimes& m_operators;
  const plan::Contention& m_contention;
  const profile::Profile& m_profile;
  size_t m_microBatches;
  std::vector<std::pair<int32_t, size_t>> m_slotOf;  // chunk, slot
  std::vector<Port> m_before, m_after;               // per slot
  Arrivals m_activations;
  Arrivals m_gradients;
  std::optional<plan::OverlapClock> m_window;
  int64_t m_windowBeginNs = 0;
  ItemTime* m_windowItem = nullptr;  // of the open window's Start
  int64_t m_repeatedEndNs = 0;
  EarlyFetches m_earlyFetches = EarlyFetches::kTimed;
  CopyStream m_offloads, m_fetches;
  SharedPorts* m_ports = nullptr;  // nothing is sent without
  ReductionStream m_reductions;
  size_t m_next = 0;
  int64_t m_nowNs = 0;
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
