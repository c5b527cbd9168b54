#include "core/planner/stage_model.h"

#include <algorithm>

#include "core/plan/recompute_hosts.h"
#include "core/sim/item_durations.h"

namespace caracal::planner {
namespace {

using plan::Slot;
using plan::WindowId;
using profile::LayerKind;
using profile::Operator;

// Collectives that are windows count their capacity, others their own time.
int64_t forwardOf(const LayerKind& kind, const plan::LayerGraph& graph) {
  int64_t total = 0;
  for (size_t op = 0; op < kind.operators.size(); ++op) {
    const int8_t window = graph.operators[op].forwardWindow;
    total += window >= 0 ? kind.windows[static_cast<size_t>(window)].capacityNs()
                         : kind.operators[op].forwardNs;
  }
  return total;
}

// Without a weight gradient that is in a pass of its own.
int64_t backwardOf(const plan::StageShape& shape, const Operator& op) {
  return op.backwardNs - (shape.splitBackward ? op.weightGradientNs() : 0);
}

int64_t backwardOf(const plan::StageShape& shape, const LayerKind& kind,
                   const plan::LayerGraph& graph) {
  int64_t total = 0;
  for (size_t op = 0; op < kind.operators.size(); ++op) {
    if (!graph.operators[op].collective) total += backwardOf(shape, kind.operators[op]);
    const int8_t window = graph.operators[op].backwardWindow;
    if (window >= 0) total += shape.windowNs(kind.windows[static_cast<size_t>(window)]);
  }
  return total;
}

// Only such work differs between micro-batches with a next forward and without.
bool inForwardWindow(plan::Placement placement) {
  return placement.kind == plan::PlacementKind::kWindow &&
         (placement.window == WindowId::kFwdAttn || placement.window == WindowId::kFwdMlp);
}

int64_t sumForward(const profile::ModelEnd& end) {
  int64_t total = 0;
  for (const Operator& op : end.operators) total += op.forwardNs;
  return total;
}

int64_t sumBackward(const plan::StageShape& shape, const profile::ModelEnd& end) {
  int64_t total = 0;
  for (const Operator& op : end.operators) {
    if (op.kind != profile::OperatorKind::kCollective) total += backwardOf(shape, op);
  }
  return total;
}

}  // namespace

StageModel::StageModel(const plan::StageShape& shape)
    : m_shape(shape), m_contention(plan::Contention::of(shape.profile.kappa, shape.profile.rho)) {
  const profile::Memory& memory = shape.profile.memory;
  m_baseBytes = sim::staticBytes(shape) + memory.workspaceBytes + memory.reserveBytes;
  const int64_t inputBytes = shape.profile.kindOf(shape.firstLayer()).inputBytes;
  if (shape.isFirst())
    m_firstEnd = firstEndTimeline(shape.profile.first, shape.graphs.first, inputBytes);
  if (shape.isLast()) m_lastEnd = lastEndTimeline(shape.profile.last, shape.graphs.last);
  classifyLayers();
  sumPlainTimes();
}

void StageModel::classifyLayers() {
  m_layersOfKind.assign(m_shape.profile.kinds.size(), 0);
  const auto kindAt = [&](int32_t layer) {
    const bool held = layer >= m_shape.firstLayer() && layer <= m_shape.topLayer();
    return held ? static_cast<int32_t>(m_shape.profile.layers[static_cast<size_t>(layer)])
                : kNoKind;
  };
  for (int32_t layer = m_shape.firstLayer(); layer <= m_shape.topLayer(); ++layer) {
    const LayerClass wanted{kindAt(layer), kindAt(layer + 1), kindAt(layer - 1), 0};
    const auto found = std::find_if(m_classes.begin(), m_classes.end(),
                                    [&](const LayerClass& known) { return known.sameAs(wanted); });
    const auto index = static_cast<size_t>(found - m_classes.begin());
    if (found == m_classes.end()) m_classes.push_back(wanted);
    ++m_classes[index].count;
    m_classOf.push_back(static_cast<uint32_t>(index));
    ++m_layersOfKind[static_cast<size_t>(wanted.kind)];
  }
}

void StageModel::sumPlainTimes() {
  for (const LayerClass& layer : m_classes) {
    const auto kind = static_cast<size_t>(layer.kind);
    m_plain.forwardNs +=
        layer.count * forwardOf(m_shape.profile.kinds[kind], m_shape.graphs.kinds[kind]);
    m_plain.backwardNs +=
        layer.count * backwardOf(m_shape, m_shape.profile.kinds[kind], m_shape.graphs.kinds[kind]);
  }
  if (m_shape.isFirst()) {
    m_plain.forwardNs += sumForward(m_shape.profile.first);
    m_plain.backwardNs += sumBackward(m_shape, m_shape.profile.first);
  }
  if (m_shape.isLast()) {
    m_plain.forwardNs += sumForward(m_shape.profile.last);
    m_plain.backwardNs += sumBackward(m_shape, m_shape.profile.last);
  }
  m_plain.forwardFilledNs = m_plain.forwardNs;
  plan::Item item;
  item.action = plan::Action::kOptimizer;
  m_plain.endNs = sim::aloneNs(m_shape, item);
  const profile::ParallelShape& parallel = m_shape.profile.parallel;
  if (parallel.gradientReplicas() <= 1) return;
  // What is reduced beside backward depends on the last pass; the bottom's is never hidden.
  item.action =
      parallel.reducesInBackward() ? plan::Action::kReduceStart : plan::Action::kGradientReduce;
  item.layer = m_shape.isFirst() ? plan::kFirstEnd : m_shape.firstLayer();
  m_plain.endNs += sim::aloneNs(m_shape, item);
}

Recomputations StageModel::recomputations(int32_t kind, int32_t above,
                                          const std::vector<plan::Placement>& placements,
                                          bool nextForward) const {
  plan::SlotContext context;
  context.nextForward = nextForward;
  context.gradientWait = m_shape.linkedAfter();
  context.above = above == kNoKind ? nullptr : &m_shape.graphs.kinds[static_cast<size_t>(above)];
  Recomputations rebuilt;
  rebuilt.slots =
      plan::recomputeSlots(m_shape.graphs.kinds[static_cast<size_t>(kind)], placements, context);
  rebuilt.hosts = plan::recomputeHosts(m_shape, {kind, above}, rebuilt.slots);
  return rebuilt;
}

LayerVariant StageModel::variantOf(int32_t kind, int32_t above,
                                   const std::vector<plan::Placement>& placements) const {
  LayerVariant variant;
  variant.kind = kind;
  variant.above = above;
  variant.tail = recomputations(kind, above, placements, false);
  if (steadyCount() > 0 && std::any_of(placements.begin(), placements.end(), inForwardWindow)) {
    variant.steady = recomputations(kind, above, placements, true);
    variant.forwardExtraNs = forwardExtraNs(kind, variant.steady);
  } else {
    variant.steady = variant.tail;
  }
  variant.onDemandNs = slotNs(kind, variant.tail, Slot::kOnDemandMlp) +
                       slotNs(kind, variant.tail, Slot::kOnDemandAttn);
  variant.pipeNs = slotNs(kind, variant.steady, Slot::kPipe);
  variant.pipeTailNs = slotNs(kind, variant.tail, Slot::kPipe);
  return variant;
}

ResolvedPolicies StageModel::resolve(const KindPolicies& policies) const {
  ResolvedPolicies resolved;
  resolved.reserve(m_classes.size());
  for (const LayerClass& layer : m_classes) {
    // What lies below makes no difference.
    const auto known =
        std::find_if(resolved.begin(), resolved.end(), [&](const LayerVariant& variant) {
          return variant.kind == layer.kind && variant.above == layer.above;
        });
    if (known != resolved.end())
      resolved.push_back(LayerVariant(*known));
    else
      resolved.push_back(
          variantOf(layer.kind, layer.above, policies[static_cast<size_t>(layer.kind)]));
  }
  return resolved;
}

int64_t StageModel::slotNs(int32_t kind, const Recomputations& rebuilt, Slot slot) const {
  const auto& operators = m_shape.profile.kinds[static_cast<size_t>(kind)].operators;
  int64_t total = 0;
  for (size_t op = 0; op < rebuilt.slots.size(); ++op) {
    if (rebuilt.slots[op] == slot) total += operators[op].forwardNs;
  }
  return total;
}

// What a layer rebuilds in the slots beside one collective.
void StageModel::runBeside(int8_t host, int32_t kind, const Recomputations& rebuilt,
                           std::initializer_list<Slot> slots, plan::OverlapClock& clock) const {
  const auto& operators = m_shape.profile.kinds[static_cast<size_t>(kind)].operators;
  for (const Slot slot : slots) {
    for (size_t op = 0; op < rebuilt.slots.size(); ++op) {
      if (rebuilt.slots[op] != slot || rebuilt.hosts[op] != host) continue;
      if (operators[op].kind == profile::OperatorKind::kCollective) {
        clock.repeatCollective(operators[op].forwardNs);
      } else {
        clock.runOperator(operators[op].forwardNs);
      }
    }
  }
}

int64_t StageModel::windowNs(int32_t kind, WindowId host) const {
  const auto k = static_cast<size_t>(kind);
  int64_t total = 0;
  for (const int8_t window : m_shape.graphs.kinds[k].hostsOf(host))
    total += m_shape.windowNs(m_shape.profile.kinds[k].windows[static_cast<size_t>(window)]);
  return total;
}

int64_t StageModel::forwardExtraNs(int32_t kind, const Recomputations& rebuilt) const {
  const auto k = static_cast<size_t>(kind);
  int64_t extra = 0;
  for (const int8_t window : m_shape.graphs.kinds[k].forwardWindows) {
    const int64_t capacity =
        m_shape.windowNs(m_shape.profile.kinds[k].windows[static_cast<size_t>(window)]);
    plan::OverlapClock clock(capacity, m_contention);
    runBeside(window, kind, rebuilt, {Slot::kFwdAttn, Slot::kFwdMlp}, clock);
    extra += clock.finish() - capacity;
  }
  return extra;
}

int64_t StageModel::backwardOverflowNs(const LayerVariant& layer, const LayerVariant* below) const {
  const auto k = static_cast<size_t>(layer.kind);
  int64_t extra = 0;
  for (const int8_t window : m_shape.graphs.kinds[k].backwardWindows) {
    const int64_t capacity =
        m_shape.windowNs(m_shape.profile.kinds[k].windows[static_cast<size_t>(window)]);
    plan::OverlapClock clock(capacity, m_contention);
    runBeside(window, layer.kind, layer.tail, {Slot::kOwnBwdMlp}, clock);
    if (below != nullptr)
      runBeside(window, below->kind, below->tail, {Slot::kPrevBwdMlp, Slot::kPrevBwdAttn}, clock);
    extra += clock.finish() - capacity;
  }
  return extra;
}

// prev.* slots depend only on a layer's own kind and the one above it, so any class of the right
// kinds will do.
size_t StageModel::classBelow(size_t layerClass) const {
  const LayerClass& layer = m_classes[layerClass];
  for (size_t c = 0; c < m_classes.size(); ++c) {
    if (m_classes[c].kind == layer.below && m_classes[c].above == layer.kind) return c;
  }
  return layerClass;
}

PassTimes StageModel::passTimes(const ResolvedPolicies& resolved) const {
  PassTimes times = m_plain;
  for (size_t c = 0; c < m_classes.size(); ++c) {
    const LayerClass& layer = m_classes[c];
    const LayerVariant* below = layer.below == kNoKind ? nullptr : &resolved[classBelow(c)];
    times.forwardFilledNs += layer.count * resolved[c].forwardExtraNs;
    times.backwardNs +=
        layer.count * (resolved[c].onDemandNs + backwardOverflowNs(resolved[c], below));
    times.pipeNs += layer.count * resolved[c].pipeNs;
    times.pipeTailNs += layer.count * resolved[c].pipeTailNs;
  }
  return times;
}

}  // namespace caracal::planner
