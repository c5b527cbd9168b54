#include "core/planner/rebuild_moments.h"

#include <algorithm>

namespace caracal::planner {

RebuildMoments::RebuildMoments(const FateTable& table, const HeuProblem& problem,
                               const StageModel& model) {
  const plan::StageShape& shape = model.shape();
  const plan::LayerGraph& graph = shape.graph(shape.topLayer());
  constexpr int16_t kMostTensors = 64;
  if (graph.size() > kMostTensors) return;
  const auto kind =
      static_cast<int32_t>(shape.profile.layers[static_cast<size_t>(shape.topLayer())]);
  for (int16_t op = 0; op < graph.size(); ++op) {
    Tensor tensor;
    tensor.variable = problem.variableOf(kind, op);
    const Variable& variable = problem.variables()[tensor.variable];
    tensor.liveBytes = variable.liveBytes;
    tensor.retainedBytes = variable.retainedBytes;
    for (const int16_t input : graph.operators[op].inputs) {
      if (input >= 0) tensor.inputs |= Set{1} << input;
    }
    const Level deadline = table[tensor.variable].deadline;
    if (deadline == kAskedMlp) m_readByMlp |= Set{1} << op;
    if (deadline == kAskedLate) m_readByAttn |= Set{1} << op;
    m_tensors.push_back(tensor);
  }
  m_madeFrom.resize(m_tensors.size());
}

int64_t RebuildMoments::liveBytes(Set set) const {
  int64_t bytes = 0;
  forEach(set, [&](size_t tensor) { bytes += m_tensors[tensor].liveBytes; });
  return bytes;
}

int64_t RebuildMoments::leastPeak(const Fates& fates, const Rows& bytes) {
  const Set read = m_readByMlp | m_readByAttn;
  Set late = 0, lateMlp = 0, sources = 0;
  for (size_t t = 0; t < m_tensors.size(); ++t) {
    const Fate fate = fates[m_tensors[t].variable];
    const Set self = Set{1} << t;
    if (fate >= Fate::kLate) late |= self;
    if (fate == Fate::kLateMlp) lateMlp |= self;
    // The rows count the top layer's only where backward reads them.
    if ((fate == Fate::kKept || fate == Fate::kEarly) && (read & self) == 0) sources |= self;
  }
  // What is held, whatever has been rebuilt, while each segment's work runs.
  const int64_t mlpBytes = bytes[static_cast<size_t>(Row::kTopMlp)] - liveBytes(lateMlp & read);
  const int64_t attnBytes =
      bytes[static_cast<size_t>(Row::kTopAttn)] - liveBytes(late & m_readByAttn);
  int64_t peak = 0;
  forEach(late, [&](size_t t) {
    const Tensor& tensor = m_tensors[t];
    Set& madeFrom = m_madeFrom[t];
    madeFrom = tensor.inputs & late;
    forEach(tensor.inputs & late, [&](size_t input) { madeFrom |= m_madeFrom[input]; });
    const Set self = Set{1} << t;
    const bool mlp = (lateMlp & self) != 0;
    // What the MLP segment asks for is rebuilt first, in forward order.
    const Set rebuilt = madeFrom | (lateMlp & (self - 1));
    const Set alive = (rebuilt & (mlp ? read : m_readByAttn)) | (tensor.inputs & late) | self;
    int64_t now = (mlp ? mlpBytes : attnBytes) + liveBytes(alive);
    forEach(tensor.inputs & sources, [&](size_t input) { now += m_tensors[input].retainedBytes; });
    peak = std::max(peak, now);
  });
  return peak;
}

}  // namespace caracal::planner
