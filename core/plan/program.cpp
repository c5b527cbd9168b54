#include "core/plan/program.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/plan/liveness.h"
#include "core/plan/recompute_slots.h"
#include "core/plan/stage_shape.h"

namespace caracal::plan {
namespace {

using trace::Pass;

constexpr size_t kSlotCount = static_cast<size_t>(Slot::kNone);
using OperatorsBySlot = std::array<std::vector<int16_t>, kSlotCount>;  // in forward order

// Item::window of a recomputation in a slot.
int8_t windowOf(Slot slot) {
  switch (slot) {
    case Slot::kFwdAttn:
      return static_cast<int8_t>(WindowId::kFwdAttn);
    case Slot::kFwdMlp:
      return static_cast<int8_t>(WindowId::kFwdMlp);
    case Slot::kPipe:
      return static_cast<int8_t>(WindowId::kPipe);
    case Slot::kPrevBwdMlp:
      return static_cast<int8_t>(WindowId::kPrevBwdMlp);
    case Slot::kPrevBwdAttn:
      return static_cast<int8_t>(WindowId::kPrevBwdAttn);
    case Slot::kOwnBwdMlp:
      return static_cast<int8_t>(WindowId::kOwnBwdMlp);
    default:
      return -1;
  }
}

constexpr int32_t kRebuiltAbove = -1;  // a layer whose unit is rebuilt at the unit's top layer

class StageLowering {
 public:
  StageLowering(const StageShape& shape, int32_t microBatches)
      : m_shape(shape), m_microBatches(microBatches) {
    m_program.stage = shape.stage;
    m_program.inFlight = shape.inFlight();
  }

  Result<StageProgram> run() {
    for (const bool nextForward : {true, false}) CARACAL_CHECK_OK(resolveSlots(nextForward));
    findUnits();
    const int32_t ahead = m_program.inFlight - 1;
    for (int32_t q = 0; q < ahead; ++q) forwardPass(q);
    for (int32_t m = 0; m + ahead < m_microBatches; ++m) {
      forwardPass(m + ahead);
      backwardPass(m);
    }
    for (int32_t m = m_microBatches - ahead; m < m_microBatches; ++m) backwardPass(m);
    endOfStep();
    addReleases(m_shape, m_program);
    return m_program;
  }

 private:
  size_t local(int32_t layer) const { return static_cast<size_t>(layer - m_shape.firstLayer()); }
  bool hasNextForward(int32_t microBatch) const {
    return m_program.inFlight > 1 && microBatch + m_program.inFlight <= m_microBatches;
  }
  const std::vector<int16_t>& inSlot(int32_t layer, int32_t microBatch, Slot slot) const {
    const auto& slots = hasNextForward(microBatch) ? m_steadySlots : m_tailSlots;
    return slots[local(layer)][static_cast<size_t>(slot)];
  }

  Result<void> resolveSlots(bool nextForward) {
    auto& target = nextForward ? m_steadySlots : m_tailSlots;
    for (int32_t layer = m_shape.firstLayer(); layer <= m_shape.topLayer(); ++layer) {
      const LayerGraph& graph = m_shape.graph(layer);
      const LayerGraph* above = layer < m_shape.topLayer() ? &m_shape.graph(layer + 1) : nullptr;
      const auto slots = recomputeSlots(graph, m_shape.policy(layer).placements,
                                        {nextForward, !m_shape.isLast(), above});
      OperatorsBySlot& bySlot = target.emplace_back();
      for (int16_t op = 0; op < graph.size(); ++op) {
        if (slots[op] == Slot::kNone) continue;
        if (slots[op] >= Slot::kOwnBwdMlp && graph.readInMlpSegment(op)) {
          return fail(ErrorCode::kInvalidInput,
                      "stage {} layer {}: `{}` would be rebuilt after the MLP segment whose "
                      "backward reads it; "
                      "move it, or what it is rebuilt from, to an earlier place",
                      m_shape.stage, layer, m_shape.operators(layer)[static_cast<size_t>(op)].id);
        }
        bySlot[static_cast<size_t>(slots[op])].push_back(op);
      }
    }
    return {};
  }

  // m_unitBegin of a unit's top layer is the unit's first layer; of its other layers kRebuiltAbove.
  void findUnits() {
    for (int32_t layer = m_shape.firstLayer(); layer <= m_shape.topLayer(); ++layer) {
      if (m_shape.policy(layer).keepsInput) {
        m_unitBegin.push_back(layer);
        continue;
      }
      rebuildWhole(layer - 1);
      rebuildWhole(layer);
      m_unitBegin.push_back(std::exchange(m_unitBegin.back(), kRebuiltAbove));
    }
  }

  // A unit of several layers is rebuilt at once, as one checkpointed function is.
  void rebuildWhole(int32_t layer) {
    for (auto* slots : {&m_steadySlots, &m_tailSlots}) {
      auto& bySlot = (*slots)[local(layer)];
      auto& atStart = bySlot[static_cast<size_t>(Slot::kOnDemandMlp)];
      auto& later = bySlot[static_cast<size_t>(Slot::kOnDemandAttn)];
      atStart.insert(atStart.end(), later.begin(), later.end());
      std::sort(atStart.begin(), atStart.end());
      later.clear();
    }
  }

  Item& add(Action action, int32_t layer, int16_t op, int32_t microBatch) {
    Item item;
    item.action = action;
    item.pass = m_pass;
    item.layer = layer;
    item.op = op;
    item.microBatch = microBatch;
    item.passMicroBatch = m_passMicroBatch;
    return m_program.items.emplace_back(item);
  }

  uint32_t startCollective(int32_t layer, int16_t op, int32_t microBatch, int8_t window) {
    Item& item = add(Action::kCollectiveStart, layer, op, microBatch);
    item.window = window;
    item.collective = ++m_collectives;
    return item.collective;
  }

  void waitCollective(int32_t layer, int16_t op, int32_t microBatch, int8_t window,
                      uint32_t collective) {
    Item& item = add(Action::kCollectiveWait, layer, op, microBatch);
    item.window = window;
    item.collective = collective;
  }

  void recompute(int32_t layer, int32_t microBatch, Slot slot) {
    const LayerGraph& graph = m_shape.graph(layer);
    for (int16_t op : inSlot(layer, microBatch, slot)) {
      if (graph.operators[op].collective) {
        const uint32_t collective = startCollective(layer, op, microBatch, kRepeatedCollective);
        waitCollective(layer, op, microBatch, kRepeatedCollective, collective);
      } else {
        add(Action::kRecompute, layer, op, microBatch).window = windowOf(slot);
      }
    }
  }

  void forwardPass(int32_t microBatch) {
    m_pass = Pass::kForward;
    m_passMicroBatch = microBatch;
    if (m_shape.isFirst()) {
      forwardEnd(kFirstEnd, microBatch);
    } else {
      add(Action::kRecvForward, m_shape.firstLayer(), -1, microBatch);
    }
    for (int32_t layer = m_shape.firstLayer(); layer <= m_shape.topLayer(); ++layer)
      forwardLayer(layer, microBatch);
    if (m_shape.isLast()) {
      forwardEnd(kLastEnd, microBatch);
    } else {
      add(Action::kSendForward, m_shape.topLayer(), m_shape.graph(m_shape.topLayer()).last(),
          microBatch);
    }
  }

  void forwardEnd(int32_t end, int32_t microBatch) {
    const LayerGraph& graph = m_shape.graph(end);
    if (end == kFirstEnd && graph.size() == 0) add(Action::kForward, end, -1, microBatch);
    for (int16_t op = 0; op < graph.size(); ++op) forwardOperator(end, op, microBatch);
  }

  void forwardOperator(int32_t layer, int16_t op, int32_t microBatch) {
    const OperatorLinks& links = m_shape.graph(layer).operators[op];
    if (!links.collective) {
      add(Action::kForward, layer, op, microBatch);
      return;
    }
    const uint32_t collective = startCollective(layer, op, microBatch, links.forwardWindow);
    if (links.forwardWindow >= 0) fillForwardWindow(layer, links.forwardWindow, microBatch);
    waitCollective(layer, op, microBatch, links.forwardWindow, collective);
  }

  void fillForwardWindow(int32_t layer, int8_t window, int32_t microBatch) {
    const int32_t next = microBatch - m_program.inFlight + 1;  // its backward comes next
    if (next < 0 || !hasNextForward(next)) return;
    const LayerGraph& graph = m_shape.graph(layer);
    if (graph.hosts[static_cast<size_t>(WindowId::kFwdAttn)] == window)
      recompute(layer, next, Slot::kFwdAttn);
    if (graph.hosts[static_cast<size_t>(WindowId::kFwdMlp)] == window)
      recompute(layer, next, Slot::kFwdMlp);
  }

  void forwardLayer(int32_t layer, int32_t microBatch) {
    for (int16_t op = 0; op < m_shape.graph(layer).size(); ++op)
      forwardOperator(layer, op, microBatch);
  }

  void backwardPass(int32_t microBatch) {
    m_pass = Pass::kBackward;
    m_passMicroBatch = microBatch;
    for (int32_t layer = m_shape.topLayer(); layer >= m_shape.firstLayer(); --layer) {
      recompute(layer, microBatch, Slot::kPipe);
    }
    if (m_shape.isLast()) {
      backwardEnd(kLastEnd, microBatch);
    } else {
      add(Action::kRecvBackward, m_shape.topLayer(), -1, microBatch);
    }
    for (int32_t layer = m_shape.topLayer(); layer >= m_shape.firstLayer(); --layer)
      backwardLayer(layer, microBatch);
    if (m_shape.isFirst()) {
      backwardEnd(kFirstEnd, microBatch);
    } else {
      add(Action::kSendBackward, m_shape.firstLayer(), -1, microBatch);
    }
  }

  void backwardEnd(int32_t end, int32_t microBatch) {
    const LayerGraph& graph = m_shape.graph(end);
    for (int16_t op = graph.last(); op >= 0; --op) {
      if (!graph.operators[op].collective) add(Action::kBackward, end, op, microBatch);
    }
  }

  void backwardLayer(int32_t layer, int32_t microBatch) {
    const LayerGraph& graph = m_shape.graph(layer);
    const int32_t unitBegin = m_unitBegin[local(layer)];
    if (unitBegin != kRebuiltAbove) {
      for (int32_t rebuilt = unitBegin; rebuilt <= layer; ++rebuilt) {
        recompute(rebuilt, microBatch, Slot::kOnDemandMlp);
      }
    }
    for (int16_t op = graph.last(); op >= 0; --op) {
      const OperatorLinks& links = graph.operators[op];
      if (!links.collective) add(Action::kBackward, layer, op, microBatch);
      if (links.backwardWindow >= 0) backwardCollective(layer, links.backwardWindow, microBatch);
      if (op == graph.mlpBegin) recompute(layer, microBatch, Slot::kOnDemandAttn);
    }
  }

  void backwardCollective(int32_t layer, int8_t window, int32_t microBatch) {
    const LayerGraph& graph = m_shape.graph(layer);
    const auto hosts = [&](WindowId id) { return graph.hosts[static_cast<size_t>(id)] == window; };
    const bool below = layer > m_shape.firstLayer();
    const uint32_t collective = startCollective(layer, -1, microBatch, window);
    if (hosts(WindowId::kOwnBwdMlp)) recompute(layer, microBatch, Slot::kOwnBwdMlp);
    if (below && hosts(WindowId::kPrevBwdMlp)) recompute(layer - 1, microBatch, Slot::kPrevBwdMlp);
    if (below && hosts(WindowId::kPrevBwdAttn))
      recompute(layer - 1, microBatch, Slot::kPrevBwdAttn);
    waitCollective(layer, -1, microBatch, window, collective);
  }

  void endOfStep() {
    m_pass = Pass::kOptimizer;
    m_passMicroBatch = -1;
    if (m_shape.profile.parallel.gradientReplicas() > 1) add(Action::kGradientReduce, -3, -1, -1);
    add(Action::kOptimizer, -3, -1, -1);
  }

  const StageShape& m_shape;
  int32_t m_microBatches;
  std::vector<OperatorsBySlot>
      m_steadySlots;  // per layer of the stage: micro-batches with a next forward
  std::vector<OperatorsBySlot> m_tailSlots;  // the last N_s - 1, and all when N_s = 1
  std::vector<int32_t> m_unitBegin;          // per layer of the stage
  Pass m_pass = Pass::kForward;
  int32_t m_passMicroBatch = 0;
  uint32_t m_collectives = 0;
  StageProgram m_program;
};

}  // namespace

Result<Program> lower(const profile::Profile& profile, const Plan& plan) {
  if (plan.schedule != "1F1B") {
    return fail(ErrorCode::kUnsupported, "schedule `{}` cannot be planned yet; only 1F1B can",
                plan.schedule);
  }
  const ProfileGraphs graphs(profile);
  Program program;
  const auto stages = static_cast<int32_t>(plan.stages.size());
  for (int32_t s = 0; s < stages; ++s) {
    const StageShape shape{profile, graphs, plan.stages[static_cast<size_t>(s)], s, stages};
    CARACAL_TRY(stage, StageLowering(shape, profile.parallel.microBatches).run());
    program.stages.push_back(std::move(stage));
  }
  return program;
}

}  // namespace caracal::plan
