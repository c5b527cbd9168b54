#include "core/sim/simulator.h"

#include <utility>

#include "core/base/statistics.h"
#include "core/plan/tensor_bytes.h"
#include "core/sim/figures.h"
#include "core/sim/folded_replay.h"
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

StageResult resultOf(const plan::DeviceShape& device, const StageFigures& figures,
                     int64_t peakBytes) {
  StageResult result;
  result.stage = device.device;
  for (const plan::StageShape& chunk : device.chunks) result.layers += chunk.plan.layerCount();
  result.forwardNs = medianPassNs(figures.passes, trace::Pass::kForward);
  result.backwardNs = medianPassNs(figures.passes, trace::Pass::kBackward);
  result.weightNs = medianPassNs(figures.passes, trace::Pass::kWeight);
  result.busyNs = figures.busyNs;
  result.exposedRecomputeNs = figures.exposedRecomputeNs;
  result.hiddenRecomputeNs = figures.hiddenRecomputeNs;
  result.exposedOffloadNs = figures.exposedOffloadNs;
  result.exposedReduceNs = figures.exposedReduceNs;
  result.hostBytes = plan::hostBytes(device);
  result.staticBytes = staticBytes(device);
  result.budgetBytes = device.chunks.front().plan.budgetBytes;
  result.peakBytes = peakBytes;
  return result;
}

void addStage(StageResult stage, SimResult& result) {
  result.fits &= stage.budgetBytes == 0 || stage.peakBytes <= stage.budgetBytes;
  result.stages.push_back(std::move(stage));
}

Result<SimResult> simulateFigures(const profile::Profile& profile, const plan::Plan& plan,
                                  std::stop_token stop) {
  CARACAL_TRY(folded, foldedReplay(profile, plan, stop));
  const plan::ProfileGraphs graphs(profile);
  SimResult result;
  result.stepNs = folded.stepNs;
  std::vector<StageFigures> figures;
  for (FoldedStage& stage : folded.stages) {
    const plan::DeviceShape device = plan::deviceShape(profile, graphs, plan, stage.held);
    addStage(resultOf(device, stage.figures, stage.peakBytes), result);
    figures.push_back(std::move(stage.figures));
  }
  fillPipelineFigures(figures, result);
  return result;
}

Result<SimResult> simulateItems(const profile::Profile& profile, const plan::Plan& plan,
                                TraceDetail detail, std::stop_token stop) {
  CARACAL_TRY(program, plan::lower(profile, plan));
  CARACAL_TRY(times, replay(profile, plan, program, stop));
  const plan::ProfileGraphs graphs(profile);
  SimResult result;
  result.stepNs = times.stepNs;
  std::vector<StageFigures> figures;
  for (size_t s = 0; s < program.stages.size(); ++s) {
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "simulation cancelled");
    const plan::DeviceShape device = plan::deviceShape(profile, graphs, plan, program.stages[s]);
    figures.push_back(figuresOf(program.stages[s], times.stages[s]));
    MemoryTimeline memory = memoryOf(device, program.stages[s], times.stages[s], Samples::kAll);
    StageResult stage = resultOf(device, figures.back(), memory.peakBytes);
    stage.memory = std::move(memory.samples);
    addStage(std::move(stage), result);
  }
  fillPipelineFigures(figures, result);
  result.trace = traceOf(profile, plan, program, times, figures, result, detail);
  return result;
}

}  // namespace

Result<SimResult> simulate(const profile::Profile& profile, const plan::Plan& plan,
                           const SimOptions& options, std::stop_token stop) {
  if (plan.stages.empty()) return fail(ErrorCode::kInvalidInput, "the plan has no stages");
  if (options.detail == TraceDetail::kNone) return simulateFigures(profile, plan, stop);
  return simulateItems(profile, plan, options.detail, stop);
}

}  // namespace caracal::sim
