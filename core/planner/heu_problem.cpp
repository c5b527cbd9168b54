#include "core/planner/heu_problem.h"

#include <algorithm>

#include "core/planner/layer_timeline.h"

namespace caracal::planner {
namespace {

using plan::Slot;
using plan::WindowId;

constexpr size_t kMlpRow = 0;
constexpr size_t kAttnRow = 1;

int64_t overflowNs(const SlotLoad& a, const SlotLoad& b, int64_t capacityNs) {
  return std::max<int64_t>(0, a.operatorNs + b.operatorNs - capacityNs) + a.collectiveNs +
         b.collectiveNs;
}

int64_t freeNs(const SlotLoad& a, const SlotLoad& b, int64_t capacityNs) {
  return std::max<int64_t>(0, capacityNs - a.operatorNs - b.operatorNs);
}

int64_t total(const SlotLoad& load) {
  return load.operatorNs + load.collectiveNs;
}

const SlotLoad& at(const KindLoad& load, Slot slot) {
  return load[static_cast<size_t>(slot)];
}

}  // namespace

Slot slotOf(Choice choice) {
  switch (choice) {
    case Choice::kFwdAttn:
      return Slot::kFwdAttn;
    case Choice::kFwdMlp:
      return Slot::kFwdMlp;
    case Choice::kPipe:
      return Slot::kPipe;
    case Choice::kPrevBwdMlp:
      return Slot::kPrevBwdMlp;
    case Choice::kPrevBwdAttn:
      return Slot::kPrevBwdAttn;
    case Choice::kOwnBwdMlp:
      return Slot::kOwnBwdMlp;
    case Choice::kOnDemandMlp:
      return Slot::kOnDemandMlp;
    case Choice::kOnDemandAttn:
      return Slot::kOnDemandAttn;
    default:
      return Slot::kNone;
  }
}

plan::Placement placementOf(Choice choice) {
  using plan::PlacementKind;
  switch (choice) {
    case Choice::kDiscard:
      return {PlacementKind::kDiscarded};
    case Choice::kRetain:
      return {PlacementKind::kRetained};
    case Choice::kFwdAttn:
      return {PlacementKind::kWindow, WindowId::kFwdAttn};
    case Choice::kFwdMlp:
      return {PlacementKind::kWindow, WindowId::kFwdMlp};
    case Choice::kPipe:
      return {PlacementKind::kWindow, WindowId::kPipe};
    case Choice::kPrevBwdMlp:
      return {PlacementKind::kWindow, WindowId::kPrevBwdMlp};
    case Choice::kPrevBwdAttn:
      return {PlacementKind::kWindow, WindowId::kPrevBwdAttn};
    case Choice::kOwnBwdMlp:
      return {PlacementKind::kWindow, WindowId::kOwnBwdMlp};
    default:
      return {PlacementKind::kOnDemand};
  }
}

HeuProblem::HeuProblem(const StageModel& model, const StageGaps& gaps)
    : m_model(model), m_gaps(gaps) {
  for (int32_t kind = 0; kind < static_cast<int32_t>(model.shape().profile.kinds.size()); ++kind) {
    if (model.layersOfKind(kind) > 0) addVariables(kind);
  }
  // Checkpoints, and what the first end saves, of every micro-batch in flight.
  const plan::StageShape& shape = model.shape();
  int64_t perMicroBatch = shape.profile.kindOf(shape.firstLayer()).inputBytes;
  for (int32_t layer = shape.firstLayer(); layer < shape.topLayer(); ++layer) {
    perMicroBatch += shape.operators(layer).back().outputBytes;
  }
  if (shape.isFirst()) {
    perMicroBatch += firstEndTimeline(shape.profile.first, shape.graphs.first, 0).forward.net;
  }
  m_baseBytes.fill(model.baseBytes() + model.inFlight() * perMicroBatch);
  sortBySaving();
}

// Windows that every layer of the kind has, where there is one at all; what a stage's top layer
// lacks it rebuilds on demand, at a charge.
void HeuProblem::addVariables(int32_t kind) {
  const plan::StageShape& shape = m_model.shape();
  const auto k = static_cast<size_t>(kind);
  const plan::LayerGraph& graph = shape.graphs.kinds[k];
  bool someAbove = false;
  bool mlpAbove = true;
  bool attnAbove = true;
  for (const LayerClass& layer : m_model.classes()) {
    if (layer.kind != kind || layer.above == kNoKind) continue;
    const plan::LayerGraph& above = shape.graphs.kinds[static_cast<size_t>(layer.above)];
    someAbove = true;
    mlpAbove &= above.hasHost(WindowId::kPrevBwdMlp);
    attnAbove &= above.hasHost(WindowId::kPrevBwdAttn);
  }
  // plan::validate() asks that the top layer's own kind has the window.
  mlpAbove &= someAbove && graph.hasHost(WindowId::kPrevBwdMlp);
  attnAbove &= someAbove && graph.hasHost(WindowId::kPrevBwdAttn);
  const bool nextForward = m_model.steadyCount() > 0;
  for (int16_t op = graph.last(); op >= 0; --op) {
    const profile::Operator& source = shape.profile.kinds[k].operators[static_cast<size_t>(op)];
    Variable variable;
    variable.kind = kind;
    variable.op = op;
    variable.needed = graph.operators[op].firstReader >= 0;
    variable.collective = graph.operators[op].collective;
    variable.layers = m_model.layersOfKind(kind);
    variable.forwardNs = source.forwardNs;
    if (variable.needed)
      variable.deadline = graph.readInMlpSegment(op) ? Slot::kOnDemandMlp : Slot::kOnDemandAttn;
    if (op != graph.last()) {  // whose output is there until then as the next layer's checkpoint
      const auto offer = [&](bool exists, Choice choice) {
        if (exists) variable.recomputeChoices.push_back(choice);
      };
      offer(graph.hasHost(WindowId::kOwnBwdMlp), Choice::kOwnBwdMlp);
      offer(mlpAbove, Choice::kPrevBwdMlp);
      offer(attnAbove, Choice::kPrevBwdAttn);
      offer(nextForward && graph.hasHost(WindowId::kFwdAttn), Choice::kFwdAttn);
      offer(nextForward && graph.hasHost(WindowId::kFwdMlp), Choice::kFwdMlp);
      offer(!shape.isLast(), Choice::kPipe);
    }
    variable.recomputeChoices.push_back(Choice::kOnDemandAttn);
    variable.recomputeChoices.push_back(Choice::kOnDemandMlp);
    setBytes(variable);
    m_variables.push_back(std::move(variable));
  }
}

void HeuProblem::setBytes(Variable& variable) const {
  const plan::StageShape& shape = m_model.shape();
  const auto& operators = shape.profile.kinds[static_cast<size_t>(variable.kind)].operators;
  const profile::Operator& op = operators[static_cast<size_t>(variable.op)];
  const bool lastOfLayer = variable.op + 1 == static_cast<int16_t>(operators.size());
  // Of a layer's output only what its own backward reads is decided here; the rest is a checkpoint.
  const int64_t retained = lastOfLayer ? op.savedBytes : op.retainedBytes();
  const int64_t live = lastOfLayer ? op.savedBytes : op.liveBytes();
  const auto topKind =
      static_cast<int32_t>(shape.profile.layers[static_cast<size_t>(shape.topLayer())]);
  const int64_t onTop = variable.kind == topKind ? 1 : 0;
  const int64_t below = variable.layers - onTop;
  const int64_t inFlight = m_model.inFlight();
  const auto set = [&](Choice choice, int64_t mlpRow, int64_t attnRow) {
    variable.bytes[static_cast<size_t>(choice)] = {mlpRow, attnRow};
  };
  if (!variable.needed) {
    // Kept only to recompute from: gone for the oldest micro-batch once that is done.
    const int64_t kept = (inFlight - 1) * variable.layers * retained;
    set(Choice::kRetain, kept, kept);
    return;
  }
  const bool mlp = variable.deadline == Slot::kOnDemandMlp;
  const int64_t readLater =
      mlp ? 0 : onTop;  // of the top layer, still unread in the attention segment
  set(Choice::kRetain, inFlight * variable.layers * retained,
      ((inFlight - 1) * variable.layers + below + readLater) * retained);
  for (Choice early : {Choice::kFwdAttn, Choice::kFwdMlp, Choice::kPipe}) {
    set(early, variable.layers * live, (below + readLater) * live);
  }
  for (Choice late : {Choice::kPrevBwdMlp, Choice::kPrevBwdAttn, Choice::kOnDemandMlp,
                      Choice::kOnDemandAttn, Choice::kOwnBwdMlp}) {
    set(late, mlp ? onTop * live : 0, readLater * live);
  }
  for (size_t row = 0; row < kRowCount; ++row) {
    variable.leastBytes[row] = variable.bytes[static_cast<size_t>(Choice::kRetain)][row];
    for (Choice choice : variable.recomputeChoices) {
      variable.leastBytes[row] =
          std::min(variable.leastBytes[row], variable.bytes[static_cast<size_t>(choice)][row]);
    }
  }
  static_assert(kMlpRow == 0 && kAttnRow == 1);
}

void HeuProblem::sortBySaving() {
  for (size_t row = 0; row < kRowCount; ++row) {
    auto& savings = m_savings[row];
    for (size_t v = 0; v < m_variables.size(); ++v) {
      const Variable& variable = m_variables[v];
      if (!variable.needed) continue;
      const int64_t bytes =
          variable.bytes[static_cast<size_t>(Choice::kRetain)][row] - variable.leastBytes[row];
      if (bytes > 0) savings.push_back({v, bytes, variable.layers * variable.forwardNs});
    }
    std::stable_sort(savings.begin(), savings.end(), [](const Saving& a, const Saving& b) {
      return static_cast<double>(a.bytes) * static_cast<double>(b.recomputeNs) >
             static_cast<double>(b.bytes) * static_cast<double>(a.recomputeNs);
    });
    auto& retained = m_retainedFrom[row];
    retained.assign(m_variables.size() + 1, 0);
    for (size_t v = m_variables.size(); v-- > 0;) {
      const Variable& variable = m_variables[v];
      retained[v] =
          retained[v + 1] +
          (variable.needed ? variable.bytes[static_cast<size_t>(Choice::kRetain)][row] : 0);
    }
  }
}

// Fractional knapsack: give up what saves most bytes per recomputation time.
int64_t HeuProblem::leastRecomputeNs(size_t next, size_t row, int64_t usedBytes,
                                     int64_t budgetBytes) const {
  if (budgetBytes == kNoLimit) return 0;
  int64_t excess = usedBytes + m_retainedFrom[row][next] - budgetBytes;
  int64_t recomputeNs = 0;
  for (const Saving& saving : m_savings[row]) {
    if (excess <= 0) return recomputeNs;
    if (saving.variable < next) continue;
    if (saving.bytes >= excess) {
      const double share = static_cast<double>(excess) / static_cast<double>(saving.bytes);
      return recomputeNs +
             static_cast<int64_t>(share * static_cast<double>(saving.recomputeNs) * (1 - 1e-9));
    }
    excess -= saving.bytes;
    recomputeNs += saving.recomputeNs;
  }
  return excess <= 0 ? recomputeNs : kNoLimit;
}

int64_t HeuProblem::capacityNs(int32_t kind, WindowId host) const {
  const auto k = static_cast<size_t>(kind);
  const int8_t window = m_model.shape().graphs.kinds[k].hosts[static_cast<size_t>(host)];
  return window < 0
             ? 0
             : m_model.shape().profile.kinds[k].windows[static_cast<size_t>(window)].capacityNs();
}

int64_t HeuProblem::leastTimeNs(const std::vector<KindLoad>& loads, int64_t moreNs) const {
  constexpr SlotLoad kNone{};
  int64_t forward = 0, backward = 0, pipe = 0, pipeTail = 0, forwardFree = 0, backwardFree = 0;
  for (const LayerClass& layer : m_model.classes()) {
    const KindLoad& own = loads[static_cast<size_t>(layer.kind)];
    const KindLoad* below =
        layer.below == kNoKind ? nullptr : &loads[static_cast<size_t>(layer.below)];
    const int64_t attnNs = capacityNs(layer.kind, WindowId::kFwdAttn);
    const int64_t mlpNs = capacityNs(layer.kind, WindowId::kFwdMlp);
    const SlotLoad& fwdAttn = at(own, Slot::kFwdAttn);
    const SlotLoad& fwdMlp = at(own, Slot::kFwdMlp);
    forward +=
        layer.count * (overflowNs(fwdAttn, kNone, attnNs) + overflowNs(fwdMlp, kNone, mlpNs));
    forwardFree += layer.count * (freeNs(fwdAttn, kNone, attnNs) + freeNs(fwdMlp, kNone, mlpNs));

    const int64_t bwdMlpNs = capacityNs(layer.kind, WindowId::kOwnBwdMlp);
    const int64_t bwdAttnNs = capacityNs(layer.kind, WindowId::kPrevBwdAttn);
    const SlotLoad& prevMlp = below != nullptr ? at(*below, Slot::kPrevBwdMlp) : kNone;
    const SlotLoad& prevAttn = below != nullptr ? at(*below, Slot::kPrevBwdAttn) : kNone;
    const SlotLoad& ownMlp = at(own, Slot::kOwnBwdMlp);
    int64_t onDemand = total(at(own, Slot::kOnDemandMlp)) + total(at(own, Slot::kOnDemandAttn));
    if (layer.above == kNoKind)
      onDemand += total(at(own, Slot::kPrevBwdMlp)) + total(at(own, Slot::kPrevBwdAttn));
    backward += layer.count * (onDemand + overflowNs(ownMlp, prevMlp, bwdMlpNs) +
                               overflowNs(prevAttn, kNone, bwdAttnNs));
    backwardFree += layer.count * freeNs(ownMlp, prevMlp, bwdMlpNs);
    if (below != nullptr) backwardFree += layer.count * freeNs(prevAttn, kNone, bwdAttnNs);

    pipe += layer.count * total(at(own, Slot::kPipe));
    pipeTail += layer.count * (total(at(own, Slot::kPipe)) + total(fwdAttn) + total(fwdMlp));
  }
  const int64_t moreTail = std::max<int64_t>(0, moreNs - backwardFree);
  const int64_t moreSteady = std::max<int64_t>(0, moreTail - forwardFree);
  return m_model.steadyCount() * forward + m_model.microBatches() * backward +
         m_gaps.steady.exposedNs(pipe + moreSteady) + m_gaps.tail.exposedNs(pipeTail + moreTail);
}

}  // namespace caracal::planner
