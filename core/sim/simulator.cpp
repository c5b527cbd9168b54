#include "core/sim/simulator.h"

#include <utility>

#include "core/base/statistics.h"
#include "core/sim/figures.h"
#include "core/sim/item_durations.h"
#include "core/sim/memory_timeline.h"
#include "core/sim/replay.h"
#include "core/sim/simulated_trace.h"

namespace caracal::sim {
namespace {

int64_t medianPassNs(const std::vector<PassTime>& passes, trace::Pass pass) {
  std::vector<int64_t> lengths;
  for (const PassTime& time : passes) {
    if (time.pass == pass) lengths.push_back(time.span.lengthNs());
  }
  return median(std::move(lengths));
}

StageResult resultOf(const plan::StageShape& shape, const plan::StageProgram& program,
                     const StageTimes& times, const StageFigures& figures, TraceDetail detail) {
  StageResult result;
  result.stage = shape.stage;
  result.layers = shape.plan.layerCount();
  result.forwardNs = medianPassNs(figures.passes, trace::Pass::kForward);
  result.backwardNs = medianPassNs(figures.passes, trace::Pass::kBackward);
  result.busyNs = figures.busyNs;
  result.exposedRecomputeNs = figures.exposedRecomputeNs;
  result.hiddenRecomputeNs = figures.hiddenRecomputeNs;
  result.staticBytes = staticBytes(shape);
  result.budgetBytes = shape.plan.budgetBytes;
  const Samples samples = detail == TraceDetail::kNone ? Samples::kPeakOnly : Samples::kAll;
  MemoryTimeline memory = memoryOf(shape, program, times, samples);
  result.peakBytes = memory.peakBytes;
  result.memory = std::move(memory.samples);
  return result;
}

}  // namespace

Result<SimResult> simulate(const profile::Profile& profile, const plan::Plan& plan,
                           const SimOptions& options, std::stop_token stop) {
  if (plan.stages.empty()) return fail(ErrorCode::kInvalidInput, "the plan has no stages");
  CARACAL_TRY(program, plan::lower(profile, plan));
  CARACAL_TRY(times, replay(profile, plan, program, stop));
  const plan::ProfileGraphs graphs(profile);
  const auto count = static_cast<int32_t>(plan.stages.size());
  SimResult result;
  result.stepNs = times.stepNs;
  std::vector<StageFigures> figures;
  for (size_t s = 0; s < plan.stages.size(); ++s) {
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "simulation cancelled");
    const plan::StageShape shape{profile, graphs, plan.stages[s], static_cast<int32_t>(s), count};
    figures.push_back(figuresOf(program.stages[s], times.stages[s]));
    result.stages.push_back(
        resultOf(shape, program.stages[s], times.stages[s], figures.back(), options.detail));
    const StageResult& stage = result.stages.back();
    result.fits &= stage.budgetBytes == 0 || stage.peakBytes <= stage.budgetBytes;
  }
  fillPipelineFigures(figures, result);
  if (options.detail != TraceDetail::kNone) {
    result.trace = traceOf(profile, plan, program, times, figures, result, options.detail);
  }
  return result;
}

}  // namespace caracal::sim
