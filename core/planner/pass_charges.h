// PassCharges: what recomputation that is added to a stage's passes costs a step. Two views: the
// stage by itself, where every pass counts and waits for gradients hide work (heu_search.h), and
// the stage on given paths through the step, where a pass counts as often as the paths run through
// it.
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>

#include "core/planner/heu_search.h"
#include "core/planner/pipeline_time.h"

namespace caracal::planner {

// Of so much work before the gradient of each of some micro-batches: convex, 0 without work.
class WaitCharge {
 public:
  explicit WaitCharge(double perNs = 0) : m_perNs(perNs) {}
  // What the waits of so many micro-batches do not hide.
  WaitCharge(GradientGaps gaps, int64_t microBatches)
      : m_gaps(std::move(gaps)),
        m_perNs(static_cast<double>(microBatches)),
        m_waits(m_gaps.exposedNs(1) < microBatches) {}

  double ns(double workNs) const {
    return m_waits ? static_cast<double>(m_gaps.exposedNs(std::llround(workNs))) : m_perNs * workNs;
  }
  double mostPerNs() const { return m_perNs; }
  bool isLinear() const { return !m_waits; }

 private:
  GradientGaps m_gaps;
  double m_perNs = 0;
  bool m_waits = false;
};

struct PassCharges {
  double forward = 0;   // per ns that a forward pass takes longer for early work
  double backward = 0;  // and a backward pass
  WaitCharge pipe;      // of work in `pipe` of micro-batches with a next forward
  WaitCharge early;     // of all early work, which the last micro-batches do in `pipe`

  double ns(const PassTimes& times, const PassTimes& plain) const {
    const auto added = [](int64_t now, int64_t before) {
      return static_cast<double>(now - before);
    };
    return forward * added(times.forwardFilledNs, plain.forwardFilledNs) +
           backward * added(times.backwardNs, plain.backwardNs) +
           pipe.ns(static_cast<double>(times.pipeNs)) +
           early.ns(static_cast<double>(times.pipeTailNs));
  }
};

inline PassCharges chargesOf(const StageModel& model, const StageGaps& gaps) {
  return {static_cast<double>(model.steadyCount()), static_cast<double>(model.microBatches()),
          WaitCharge(gaps.steady, model.steadyCount()), WaitCharge(gaps.tail, model.tailCount())};
}
inline PassCharges chargesOf(const PassCounts& counts) {
  return {counts.forwardFilled, counts.backward, WaitCharge(counts.pipe),
          WaitCharge(counts.pipeTail)};
}

}  // namespace caracal::planner
