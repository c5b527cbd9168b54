#include "core/analysis/window_recompute.h"

#include <algorithm>
#include <utility>

namespace caracal::analysis {
namespace {

using StepsOfRank = std::map<std::pair<uint32_t, int32_t>, const StageStep*>;  // by (rank, step)

// Sums over the steps, and how many there are.
class Counter {
 public:
  void add(const RecordedRun& run) {
    const int32_t skipped = warmUpStep(*run.trace, *run.model);
    StepsOfRank steps;
    for (const StageStep& step : run.model->stageSteps) {
      if (step.step != skipped) steps[{step.rankIndex, step.step}] = &step;
    }
    m_steps += std::count_if(run.model->steps.begin(), run.model->steps.end(),
                             [&](const StepSummary& step) { return step.step != skipped; });
    for (const trace::Track& track : run.trace->tracks()) {
      for (trace::EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e)
        count(*run.trace, e, track.rank, steps);
    }
  }

  WindowWorks means() && {
    if (m_steps == 0) return {};
    for (auto& [place, work] : m_works) {
      work.ns /= m_steps;
      work.hiddenNs /= m_steps;
    }
    return std::move(m_works);
  }

 private:
  void count(const trace::Trace& trace, trace::EventIndex e, uint32_t rank,
             const StepsOfRank& steps) {
    if (trace.kind(e) != trace::EventKind::kRecompute) return;
    const auto args = trace.args(e);
    if (!args || args->window == 0) return;
    const auto step = steps.find({rank, args->step});
    if (step == steps.end()) return;
    WindowWork& work = m_works[{step->second->stage, args->microBatch, args->window}];
    work.ns += trace.durationNs(e);
    work.hiddenNs += clip(step->second->recomputeWaits, trace.span(e)).lengthNs();
  }

  WindowWorks m_works;
  int64_t m_steps = 0;
};

}  // namespace

WindowWorks windowWorks(const std::vector<RecordedRun>& runs) {
  Counter counter;
  for (const RecordedRun& run : runs) counter.add(run);
  return std::move(counter).means();
}

WindowTotals totalsOf(const WindowWorks& run, const WindowWorks& predicted) {
  WindowTotals totals;
  for (const auto& [place, work] : run) {
    totals.placedNs += work.ns;
    const auto expected = predicted.find(place);
    if (expected == predicted.end() || expected->second.hiddenNs == 0) continue;
    totals.openNs += work.ns;
    totals.hiddenNs += work.hiddenNs;
  }
  return totals;
}

}  // namespace caracal::analysis
