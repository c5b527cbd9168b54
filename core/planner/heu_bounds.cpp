// Lower bounds of HeuProblem on time: for partial assignments, and for what must be rebuilt so that
// memory suffices.
#include <algorithm>

#include "core/planner/heu_problem.h"

namespace caracal::planner {
namespace {

using plan::Slot;
using plan::WindowId;

int64_t overflowNs(const SlotLoad& a, const SlotLoad& b, int64_t capacityNs) {
  return beyondNs(a.operatorNs + b.operatorNs, capacityNs) + a.collectiveNs + b.collectiveNs;
}

int64_t freeNs(const SlotLoad& a, const SlotLoad& b, int64_t capacityNs) {
  return std::max<int64_t>(0, capacityNs - a.operatorNs - b.operatorNs);
}

const SlotLoad& at(const KindLoad& load, Slot slot) {
  return load[static_cast<size_t>(slot)];
}

}  // namespace

void HeuProblem::listSavings() {
  for (size_t row = 0; row < kRowCount; ++row) {
    for (size_t v = 0; v < m_variables.size(); ++v) {
      if (m_variables[v].needed) addSavings(v, row);
    }
    std::stable_sort(m_savings[row].begin(), m_savings[row].end(),
                     [](const Saving& a, const Saving& b) {
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

// What is made for this tensor alone and not needed otherwise, nearest first: rebuilding the tensor
// means to keep one of them, or to rebuild them all.
std::vector<size_t> HeuProblem::exclusiveSources(size_t variable) const {
  const auto kind = static_cast<size_t>(m_variables[variable].kind);
  const plan::LayerGraph& graph = m_model.shape().graphs.kinds[kind];
  std::vector<size_t> sources;
  for (size_t current = variable;;) {
    const auto& inputs = graph.operators[m_variables[current].op].inputs;
    const auto exclusive = std::find_if(inputs.begin(), inputs.end(), [&](int16_t input) {
      return input >= 0 && graph.operators[input].firstReader < 0 &&
             graph.operators[input].consumers.size() == 1;
    });
    if (exclusive == inputs.end()) return sources;
    current = m_variableOf[kind][static_cast<size_t>(*exclusive)];
    sources.push_back(current);
  }
}

// The concave hull of (time, bytes) over how far back the rebuilding goes.
void HeuProblem::addSavings(size_t variable, size_t row) {
  const Variable& needed = m_variables[variable];
  int64_t leastBytes = kNoLimit;
  for (Choice choice : needed.recomputeChoices) {
    if (slotOf(choice) <= needed.deadline) {
      leastBytes = std::min(leastBytes, needed.bytes[static_cast<size_t>(choice)][row]);
    }
  }
  const int64_t mostBytes = needed.bytes[static_cast<size_t>(Choice::kRetain)][row] - leastBytes;
  std::vector<Saving> points;
  int64_t ns = needed.layers * needed.forwardNs;
  for (size_t source : exclusiveSources(variable)) {
    const Variable& kept = m_variables[source];
    int64_t bytes = kept.bytes[static_cast<size_t>(Choice::kRetain)][row];
    if (rebuiltOnlyInBackward()) bytes += kept.lateSourceBytes[row];
    points.push_back({variable, mostBytes - bytes, ns});
    ns += kept.layers * kept.forwardNs;
  }
  points.push_back({variable, mostBytes, ns});
  Saving from{variable, 0, 0};
  while (from.bytes < mostBytes) {
    const Saving* next = nullptr;
    const auto slope = [&](const Saving& to) {
      return static_cast<double>(to.bytes - from.bytes) /
             std::max(1.0, static_cast<double>(to.recomputeNs - from.recomputeNs));
    };
    for (const Saving& point : points) {
      if (point.bytes > from.bytes && (next == nullptr || slope(point) > slope(*next)))
        next = &point;
    }
    m_savings[row].push_back({variable, next->bytes - from.bytes,
                              std::max<int64_t>(0, next->recomputeNs - from.recomputeNs)});
    from = *next;
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

int64_t HeuProblem::leastTimeNs(const std::vector<KindLoad>& loads, int64_t moreNs) const {
  constexpr SlotLoad kNone{};
  int64_t forward = 0, backward = 0, pipe = 0, pipeTail = 0, forwardFree = 0, backwardFree = 0;
  for (const LayerClass& layer : m_model.classes()) {
    const KindLoad& own = loads[static_cast<size_t>(layer.kind)];
    const KindLoad* below =
        layer.below == kNoKind ? nullptr : &loads[static_cast<size_t>(layer.below)];
    const int64_t attnNs = m_model.windowNs(layer.kind, WindowId::kFwdAttn);
    const int64_t mlpNs = m_model.windowNs(layer.kind, WindowId::kFwdMlp);
    const SlotLoad& fwdAttn = at(own, Slot::kFwdAttn);
    const SlotLoad& fwdMlp = at(own, Slot::kFwdMlp);
    forward +=
        layer.count * (overflowNs(fwdAttn, kNone, attnNs) + overflowNs(fwdMlp, kNone, mlpNs));
    forwardFree += layer.count * (freeNs(fwdAttn, kNone, attnNs) + freeNs(fwdMlp, kNone, mlpNs));

    // Of the collectives up to bwd.mlp only that one hosts the layer's own work.
    const int64_t bwdMlpNs = m_model.windowNs(
        layer.kind, below == nullptr ? WindowId::kOwnBwdMlp : WindowId::kPrevBwdMlp);
    const int64_t bwdAttnNs = m_model.windowNs(layer.kind, WindowId::kPrevBwdAttn);
    const SlotLoad& prevMlp = below != nullptr ? at(*below, Slot::kPrevBwdMlp) : kNone;
    const SlotLoad& prevAttn = below != nullptr ? at(*below, Slot::kPrevBwdAttn) : kNone;
    const SlotLoad& ownMlp = at(own, Slot::kOwnBwdMlp);
    int64_t onDemand =
        at(own, Slot::kOnDemandMlp).totalNs() + at(own, Slot::kOnDemandAttn).totalNs();
    if (layer.above == kNoKind)
      onDemand += at(own, Slot::kPrevBwdMlp).totalNs() + at(own, Slot::kPrevBwdAttn).totalNs();
    backward += layer.count * (onDemand + overflowNs(ownMlp, prevMlp, bwdMlpNs) +
                               overflowNs(prevAttn, kNone, bwdAttnNs));
    backwardFree += layer.count * freeNs(ownMlp, prevMlp, bwdMlpNs);
    if (below != nullptr) backwardFree += layer.count * freeNs(prevAttn, kNone, bwdAttnNs);

    pipe += layer.count * at(own, Slot::kPipe).totalNs();
    pipeTail +=
        layer.count * (at(own, Slot::kPipe).totalNs() + fwdAttn.totalNs() + fwdMlp.totalNs());
  }
  const int64_t moreTail = std::max<int64_t>(0, moreNs - backwardFree);
  const int64_t moreSteady = std::max<int64_t>(0, moreTail - forwardFree);
  return m_model.steadyCount() * forward + m_model.microBatches() * backward +
         m_gaps.steady.exposedNs(pipe + moreSteady) + m_gaps.tail.exposedNs(pipeTail + moreTail);
}

}  // namespace caracal::planner
