#include "core/planner/pipeline_time.h"

#include <algorithm>

namespace caracal::planner {
namespace {

constexpr int64_t kNotYet = -1;

class StageRun {
 public:
  StageRun(const PassTimes& times, const PipelineShape& shape, int32_t inFlight, bool last)
      : m_times(times), m_shape(shape), m_ahead(inFlight - 1), m_last(last) {
    m_arrivals.assign(static_cast<size_t>(shape.microBatches), {kNotYet, kNotYet});
    m_waits.assign(static_cast<size_t>(shape.microBatches), 0);
  }

  void connect(StageRun* before, StageRun* after) {
    m_before = before;
    m_after = after;
  }

  bool advance() {
    bool moved = false;
    while (!done() && (nextIsForward() ? forward() : backward())) moved = true;
    return moved;
  }
  bool done() const { return m_backwards == m_shape.microBatches; }
  int64_t endNs() const { return m_nowNs + m_times.endNs; }
  std::vector<int64_t> takeWaits() { return std::move(m_waits); }

 private:
  struct Arrival {
    int64_t activationNs;
    int64_t gradientNs;
  };

  bool nextIsForward() const {
    return m_forwards < m_shape.microBatches && m_forwards <= m_backwards + m_ahead;
  }

  bool forward() {
    if (m_before != nullptr) {
      const int64_t arrival = m_arrivals[static_cast<size_t>(m_forwards)].activationNs;
      if (arrival == kNotYet) return false;
      m_nowNs = std::max(m_nowNs, arrival);
    }
    const bool filled = m_ahead > 0 && m_forwards >= m_ahead;
    m_nowNs += filled ? m_times.forwardFilledNs : m_times.forwardNs;
    if (m_after != nullptr) {
      m_after->m_arrivals[static_cast<size_t>(m_forwards)].activationNs =
          m_nowNs + m_shape.sendForwardNs;
    }
    ++m_forwards;
    return true;
  }

  bool backward() {
    const auto m = static_cast<size_t>(m_backwards);
    if (!m_last) {
      const int64_t arrival = m_arrivals[m].gradientNs;
      if (arrival == kNotYet) return false;
      m_waits[m] = std::max<int64_t>(0, arrival - m_nowNs);
      const bool hasNextForward = m_ahead > 0 && m_backwards + m_ahead < m_shape.microBatches;
      m_nowNs = std::max(m_nowNs + (hasNextForward ? m_times.pipeNs : m_times.pipeTailNs), arrival);
    }
    m_nowNs += m_times.backwardNs;
    if (m_before != nullptr) m_before->m_arrivals[m].gradientNs = m_nowNs + m_shape.sendBackwardNs;
    ++m_backwards;
    return true;
  }

  const PassTimes& m_times;
  const PipelineShape& m_shape;
  int32_t m_ahead;
  bool m_last;
  StageRun* m_before = nullptr;
  StageRun* m_after = nullptr;
  std::vector<Arrival> m_arrivals;
  std::vector<int64_t> m_waits;
  int32_t m_forwards = 0;
  int32_t m_backwards = 0;
  int64_t m_nowNs = 0;
};

}  // namespace

PipelineTimes pipelineTimes(const std::vector<PassTimes>& stages, const PipelineShape& shape) {
  const auto count = static_cast<int32_t>(stages.size());
  std::vector<StageRun> runs;
  runs.reserve(stages.size());
  for (int32_t s = 0; s < count; ++s) {
    runs.emplace_back(stages[static_cast<size_t>(s)], shape,
                      std::min(shape.microBatches, count - s), s == count - 1);
  }
  for (size_t s = 0; s < runs.size(); ++s) {
    runs[s].connect(s > 0 ? &runs[s - 1] : nullptr, s + 1 < runs.size() ? &runs[s + 1] : nullptr);
  }
  for (bool progress = true; progress;) {
    progress = false;
    for (StageRun& run : runs) progress |= run.advance();
  }
  PipelineTimes result;
  for (StageRun& run : runs) {
    result.stepNs = std::max(result.stepNs, run.endNs());
    result.gradientWaitNs.push_back(run.takeWaits());
  }
  return result;
}

// Stage s cannot start before one forward has come down to it, and when it is done one backward
// still goes up from it.
int64_t stepBoundNs(const std::vector<PassTimes>& least, const std::vector<int64_t>& workNs,
                    const PipelineShape& shape) {
  int64_t bound = 0;
  int64_t downNs = 0;
  int64_t upNs = 0;
  for (size_t s = 0; s < least.size(); ++s) {
    const int64_t doneNs = downNs + workNs[s];
    bound = std::max(bound, doneNs + least[s].endNs);
    if (s > 0) bound = std::max(bound, doneNs + upNs + least.front().endNs);
    downNs += least[s].forwardNs + shape.sendForwardNs;
    upNs += shape.sendBackwardNs + least[s].backwardNs;
  }
  return bound;
}

}  // namespace caracal::planner
