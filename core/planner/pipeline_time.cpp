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
    m_forwardWaited.assign(m_waits.size(), 0);
    m_backwardWaited.assign(m_waits.size(), 0);
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

  // Whether a pass started when a transfer arrived, not when the stage was free.
  bool forwardWaited(int32_t m) const { return m_forwardWaited[static_cast<size_t>(m)] != 0; }
  bool backwardWaited(int32_t m) const { return m_backwardWaited[static_cast<size_t>(m)] != 0; }
  bool isFilled(int32_t m) const { return m_ahead > 0 && m >= m_ahead; }
  bool hasNextForward(int32_t m) const { return m_ahead > 0 && m + m_ahead < m_shape.microBatches; }
  int32_t ahead() const { return m_ahead; }
  bool isLast() const { return m_last; }

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
      m_forwardWaited[static_cast<size_t>(m_forwards)] = arrival > m_nowNs;
      m_nowNs = std::max(m_nowNs, arrival);
    }
    m_nowNs += isFilled(m_forwards) ? m_times.forwardFilledNs : m_times.forwardNs;
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
      m_nowNs += hasNextForward(m_backwards) ? m_times.pipeNs : m_times.pipeTailNs;
      m_backwardWaited[m] = arrival > m_nowNs;
      m_nowNs = std::max(m_nowNs, arrival);
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
  std::vector<char> m_forwardWaited, m_backwardWaited;
  int32_t m_forwards = 0;
  int32_t m_backwards = 0;
  int64_t m_nowNs = 0;
};

// All passes of a step. REQUIRES that both arguments outlive the runs.
std::vector<StageRun> runStages(const std::vector<PassTimes>& stages, const PipelineShape& shape) {
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
  return runs;
}

// Walks a path back from its end.
class PathBack {
 public:
  PathBack(const std::vector<StageRun>& runs, const PipelineShape& shape)
      : m_runs(runs), m_shape(shape) {
    m_path.stages.resize(runs.size());
  }

  StepPath from(size_t stage) {
    m_stage = stage;
    ++counts().end;
    m_microBatch = m_shape.microBatches - 1;
    m_forward = false;
    while (m_microBatch >= 0) m_forward ? passForward() : passBackward();
    return std::move(m_path);
  }

 private:
  const StageRun& run() const { return m_runs[m_stage]; }
  PassCounts& counts() { return m_path.stages[m_stage]; }

  void passForward() {
    ++(run().isFilled(m_microBatch) ? counts().forwardFilled : counts().forward);
    if (run().forwardWaited(m_microBatch)) {
      m_path.transferNs += static_cast<double>(m_shape.sendForwardNs);
      --m_stage;
    } else {  // behind the backward that made room for it
      m_forward = m_microBatch <= run().ahead();
      m_microBatch -= m_forward ? 1 : run().ahead() + 1;
    }
  }

  void passBackward() {
    ++counts().backward;
    if (run().backwardWaited(m_microBatch)) {
      m_path.transferNs += static_cast<double>(m_shape.sendBackwardNs);
      ++m_stage;
      return;
    }
    const bool next = run().hasNextForward(m_microBatch);
    if (!run().isLast()) ++(next ? counts().pipe : counts().pipeTail);
    m_forward = m_microBatch == 0 || next || run().ahead() == 0;
    m_microBatch = m_forward ? m_microBatch + run().ahead() : m_microBatch - 1;
  }

  const std::vector<StageRun>& m_runs;
  const PipelineShape& m_shape;
  StepPath m_path;
  size_t m_stage = 0;
  int32_t m_microBatch = 0;
  bool m_forward = false;
};

}  // namespace

double PassCounts::ns(const PassTimes& times) const {
  return forward * static_cast<double>(times.forwardNs) +
         forwardFilled * static_cast<double>(times.forwardFilledNs) +
         backward * static_cast<double>(times.backwardNs) +
         pipe * static_cast<double>(times.pipeNs) +
         pipeTail * static_cast<double>(times.pipeTailNs) + end * static_cast<double>(times.endNs);
}

double StepPath::ns(const std::vector<PassTimes>& times) const {
  double sum = transferNs;
  for (size_t s = 0; s < stages.size(); ++s) sum += stages[s].ns(times[s]);
  return sum;
}

StepPath criticalPath(const std::vector<PassTimes>& stages, const PipelineShape& shape) {
  const std::vector<StageRun> runs = runStages(stages, shape);
  const auto last =
      std::max_element(runs.begin(), runs.end(),
                       [](const StageRun& a, const StageRun& b) { return a.endNs() < b.endNs(); });
  return PathBack(runs, shape).from(static_cast<size_t>(last - runs.begin()));
}

PipelineTimes pipelineTimes(const std::vector<PassTimes>& stages, const PipelineShape& shape) {
  std::vector<StageRun> runs = runStages(stages, shape);
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
