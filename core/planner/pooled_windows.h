// PooledWindows: the least that recomputation can cost a stage when all its forward windows are
// one, and all its backward windows are one: a lower bound for every choice of windows.
#pragma once

#include <array>
#include <cstdint>

#include "core/planner/heu_search.h"

namespace caracal::planner {

// Rebuilt per micro-batch, summed over the stage's layers.
struct PooledWork {
  int64_t earlyNs = 0;           // collectives included: `pipe` may repeat them
  int64_t lateNs = 0;            // operators
  int64_t lateOwnNs = 0;         // those of them that `own.bwd.mlp` may hold
  int64_t lateCollectiveNs = 0;  // cannot hide
};

class PooledWindows {
 public:
  PooledWindows(const StageModel& model, const StageGaps& gaps);

  int64_t earlyCostNs(int64_t earlyNs) const;  // convex, from 0 on non-decreasing
  int64_t lateCostNs(const PooledWork& work) const;

  // Largest slopes, and the greatest c with cost(x) >= slope * x + c for all x >= 0.
  double steepestEarly() const { return static_cast<double>(m_steadyCount + m_tailCount); }
  double steepestLate() const { return static_cast<double>(m_microBatches); }
  static constexpr int kSlopes = 16;  // of early work, from 0 to the steepest in equal steps
  double earlySlope(int step) const { return steepestEarly() * step / kSlopes; }
  double earlyConstant(int step) const { return m_earlyConstants[static_cast<size_t>(step)]; }
  double lateConstant(double slope) const;

 private:
  double lateCost(double lateNs) const;
  double prevCost(double prevNs, double freeNs) const;
  double findEarlyConstant(double slope) const;

  const StageGaps& m_gaps;
  int64_t m_steadyCount, m_tailCount, m_microBatches;
  int64_t m_forwardNs = 0;  // capacity of the forward windows
  int64_t m_bwdMlpNs = 0;   // of bwd.mlp, for a layer and the one below
  int64_t m_belowNs = 0;    // of other backward collectives, for the layer below alone
  std::array<double, kSlopes + 1> m_earlyConstants{};
  double m_topShare = 0;  // of prev.* work: the stage's top layer has no such window
};

}  // namespace caracal::planner
