#include "core/planner/pooled_windows.h"

#include <algorithm>

#include "core/planner/convex_minimum.h"

namespace caracal::planner {

using plan::WindowId;

PooledWindows::PooledWindows(const StageModel& model, const StageGaps& gaps)
    : m_gaps(gaps),
      m_steadyCount(model.steadyCount()),
      m_tailCount(model.tailCount()),
      m_microBatches(model.microBatches()) {
  for (const LayerClass& layer : model.classes()) {
    m_forwardNs += layer.count * (model.windowNs(layer.kind, WindowId::kFwdAttn) +
                                  model.windowNs(layer.kind, WindowId::kFwdMlp));
    m_bwdMlpNs += layer.count * model.windowNs(layer.kind, WindowId::kOwnBwdMlp);
    if (layer.below != kNoKind) {
      m_belowNs += layer.count * (model.windowNs(layer.kind, WindowId::kPrevBwdMlp) -
                                  model.windowNs(layer.kind, WindowId::kOwnBwdMlp) +
                                  model.windowNs(layer.kind, WindowId::kPrevBwdAttn));
    }
    // With one kind of layer every layer does as much as the top one.
    if (model.layersOfKind(layer.kind) == model.shape().plan.layerCount())
      m_topShare = 1.0 / model.shape().plan.layerCount();
  }
  for (int step = 0; step <= kSlopes; ++step)
    m_earlyConstants[static_cast<size_t>(step)] = findEarlyConstant(earlySlope(step));
}

// What the forward windows cannot hold goes to `pipe`, which costs no more than an overflow.
int64_t PooledWindows::earlyCostNs(int64_t earlyNs) const {
  return m_gaps.steady.exposedNs(std::max<int64_t>(0, earlyNs - m_forwardNs)) +
         m_gaps.tail.exposedNs(earlyNs);
}

int64_t PooledWindows::lateCostNs(const PooledWork& work) const {
  const int64_t own = std::min(work.lateOwnNs, m_bwdMlpNs);
  const auto prevNs = static_cast<double>(work.lateNs - own);
  const auto freeNs = static_cast<double>(m_bwdMlpNs - own + m_belowNs);
  return m_microBatches *
         (static_cast<int64_t>(prevCost(prevNs, freeNs) * (1 - 1e-12)) + work.lateCollectiveNs);
}

// The top layer's share is rebuilt on demand, the others' beside collectives as far as they last.
double PooledWindows::prevCost(double prevNs, double freeNs) const {
  return m_topShare * prevNs + std::max(0.0, (1 - m_topShare) * prevNs - freeNs);
}

double PooledWindows::lateCost(double lateNs) const {
  const double afterOwn = std::max(0.0, lateNs - static_cast<double>(m_bwdMlpNs));
  return static_cast<double>(m_microBatches) * prevCost(afterOwn, static_cast<double>(m_belowNs));
}

// Convex and piecewise linear: the least of cost(x) - slope * x lies where the slope passes by.
double PooledWindows::findEarlyConstant(double slope) const {
  const auto excess = [&](int64_t x) {
    return static_cast<double>(earlyCostNs(x)) - slope * static_cast<double>(x);
  };
  return std::min(0.0, excess(convexMinimum(int64_t{1} << 42, excess)));
}

double PooledWindows::lateConstant(double slope) const {
  const auto own = static_cast<double>(m_bwdMlpNs);
  const double prev = m_topShare < 1 ? static_cast<double>(m_belowNs) / (1 - m_topShare) : 0;
  double least = 0;
  for (const double kink : {own, own + prev})
    least = std::min(least, lateCost(kink) - slope * kink);
  return least;
}

}  // namespace caracal::planner
