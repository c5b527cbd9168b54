#include "core/sim/replay.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <string>

#include "core/plan/stage_shape.h"
#include "core/sim/item_durations.h"
#include "core/sim/overlap_clock.h"

namespace caracal::sim {
namespace {

using plan::Action;
using plan::Item;

constexpr int64_t kNotYet = -1;
using Arrivals = std::vector<int64_t>;  // per micro-batch, kNotYet until sent

// One stage's clock: runs its items in order until one waits for what has not been sent yet.
class StageReplay {
 public:
  StageReplay(const plan::StageShape& shape, const plan::StageProgram& program,
              const Contention& contention)
      : m_shape(shape),
        m_program(program),
        m_contention(contention),
        m_activations(static_cast<size_t>(shape.profile.parallel.microBatches), kNotYet),
        m_gradients(m_activations) {
    m_times.items.resize(program.items.size());
    tabulateDurations();
  }

  void connect(StageReplay* before, StageReplay* after) {
    m_before = before;
    m_after = after;
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
    if (!m_shape.isFirst()) m_times.activationArrivalNs = std::move(m_activations);
    if (!m_shape.isLast()) m_times.gradientArrivalNs = std::move(m_gradients);
    return std::move(m_times);
  }

 private:
  // Operators repeat in every micro-batch: look their times up once per layer.
  void tabulateDurations() {
    for (int32_t layer = m_shape.firstLayer(); layer <= m_shape.topLayer(); ++layer) {
      m_operators.push_back(m_shape.operators(layer).data());
    }
  }

  int64_t durationNs(const Item& item) const {
    if (item.layer >= 0 && item.op >= 0 && item.action != Action::kCollectiveStart) {
      const profile::Operator& op =
          m_operators[static_cast<size_t>(item.layer - m_shape.firstLayer())][item.op];
      return item.action == Action::kBackward ? op.backwardNs : op.forwardNs;
    }
    return aloneNs(m_shape, item);
  }

  bool run(const Item& item, ItemTime& time) {
    time.beginNs = m_nowNs;
    switch (item.action) {
      case Action::kForward:
      case Action::kBackward:
      case Action::kGradientReduce:
      case Action::kOptimizer:
        m_nowNs += durationNs(item);
        break;
      case Action::kRecompute:
        recompute(durationNs(item));
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
        time.endNs = m_nowNs + m_shape.profile.sendForwardNs;
        m_after->m_activations[static_cast<size_t>(item.microBatch)] = time.endNs;
        return true;
      case Action::kSendBackward:
        time.endNs = m_nowNs + m_shape.profile.sendBackwardNs;
        m_before->m_gradients[static_cast<size_t>(item.microBatch)] = time.endNs;
        return true;
    }
    time.endNs = m_nowNs;
    return true;
  }

  bool receive(const Arrivals& arrivals, const Item& item, ItemTime& time) {
    const int64_t arrival = arrivals[static_cast<size_t>(item.microBatch)];
    if (arrival == kNotYet) return false;
    m_nowNs = std::max(m_nowNs, arrival);
    time.endNs = m_nowNs;
    return true;
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
    const int64_t ns = durationNs(item);
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

  const plan::StageShape& m_shape;
  const plan::StageProgram& m_program;
  const Contention& m_contention;
  std::vector<const profile::Operator*> m_operators;  // per layer of the stage
  StageReplay* m_before = nullptr;
  StageReplay* m_after = nullptr;
  Arrivals m_activations;
  Arrivals m_gradients;
  std::optional<OverlapClock> m_window;
  int64_t m_windowBeginNs = 0;
  ItemTime* m_windowItem = nullptr;  // of the open window's Start
  int64_t m_repeatedEndNs = 0;
  size_t m_next = 0;
  int64_t m_nowNs = 0;
  StageTimes m_times;
};

std::string waitingItems(const std::vector<StageReplay>& stages) {
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
  const Contention contention = Contention::of(profile.kappa, profile.rho);
  const size_t count = program.stages.size();
  std::vector<plan::StageShape> shapes;
  for (size_t s = 0; s < count; ++s) {
    shapes.push_back(
        {profile, graphs, plan.stages[s], static_cast<int32_t>(s), static_cast<int32_t>(count)});
  }
  std::vector<StageReplay> stages;
  stages.reserve(count);
  for (size_t s = 0; s < count; ++s) stages.emplace_back(shapes[s], program.stages[s], contention);
  for (size_t s = 0; s < count; ++s) {
    stages[s].connect(s > 0 ? &stages[s - 1] : nullptr, s + 1 < count ? &stages[s + 1] : nullptr);
  }
  for (bool progress = true; progress;) {
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "simulation cancelled");
    progress = false;
    for (StageReplay& stage : stages) progress |= stage.advance();
  }
  Replay result;
  for (StageReplay& stage : stages) {
    if (!stage.done()) {
      return fail(ErrorCode::kInvalidInput, "the schedule waits for itself:{} (please report this)",
                  waitingItems(stages));
    }
    result.stepNs = std::max(result.stepNs, stage.nowNs());
    result.stages.push_back(stage.takeTimes());
  }
  return result;
}

}  // namespace caracal::sim
