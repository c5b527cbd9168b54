#include "core/analysis/run_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/analysis/step_summaries.h"
#include "core/base/statistics.h"

namespace caracal::analysis {
namespace {

// Largest memory sample of each stage's ranks.
void addPeaks(const trace::Trace& trace, std::map<int32_t, int64_t>& peaks) {
  for (const trace::CounterSeries& series : trace.counters()) {
    if (series.name != "memory" || series.values.empty()) continue;
    int64_t& peak = peaks[trace.ranks()[series.rank].stage];
    peak = std::max(peak, *std::max_element(series.values.begin(), series.values.end()));
  }
}

int64_t medianPass(const std::vector<const StageStep*>& steps, trace::Pass pass) {
  std::vector<int64_t> lengths;
  for (const StageStep* step : steps) {
    const std::vector<int64_t> ofStep = microBatchTimes(*step, pass);
    lengths.insert(lengths.end(), ofStep.begin(), ofStep.end());
  }
  return median(std::move(lengths));
}

StageRun stageRun(int32_t stage, const std::vector<const StageStep*>& steps) {
  const auto medianOf = [&](int64_t StageStep::*field) {
    std::vector<int64_t> values;
    for (const StageStep* step : steps) values.push_back(step->*field);
    return median(std::move(values));
  };
  StageRun run;
  run.stage = stage;
  run.forwardNs = medianPass(steps, trace::Pass::kForward);
  run.backwardNs = medianPass(steps, trace::Pass::kBackward);
  run.bubbleNs = medianOf(&StageStep::bubbleNs);
  run.recomputeHiddenNs = medianOf(&StageStep::recomputeHiddenNs);
  run.recomputeExposedNs = medianOf(&StageStep::recomputeExposedNs);
  return run;
}

}  // namespace

int32_t warmUpStep(const trace::Trace& trace, const StepModel& model) {
  if (trace.format() != "caracal" || trace.tag() == trace::Tag::kSimulated) return -1;
  if (model.steps.empty() || model.steps.front().step == model.steps.back().step) return -1;
  return model.steps.front().step;
}

RunSummary summarizeRun(const trace::Trace& trace, const StepModel& model) {
  return summarizeRuns({{&trace, &model}});
}

RunSummary summarizeRuns(const std::vector<RecordedRun>& runs) {
  const trace::Trace& first = *runs.front().trace;
  RunSummary run;
  run.name = first.metaOr("policy", first.format());
  run.tag = first.tag();
  run.clock = first.metaOr("clock", "");
  run.hardware = first.metaOr("hardware", "");
  run.planHash = first.metaOr("planHash", "");
  std::vector<int64_t> stepTimes, pipelineTimes;
  std::map<int32_t, std::vector<const StageStep*>> stepsOfStage;
  std::map<int32_t, int64_t> peaks;
  for (const auto& [trace, model] : runs) {
    const int32_t skipped = warmUpStep(*trace, *model);
    for (const StepSummary& step : model->steps) {
      if (step.step == skipped) continue;
      stepTimes.push_back(step.stepNs);
      pipelineTimes.push_back(step.pipelineNs);
    }
    for (const StageStep& step : model->stageSteps) {
      if (step.step != skipped) stepsOfStage[step.stage].push_back(&step);
    }
    addPeaks(*trace, peaks);
  }
  run.steps = static_cast<int64_t>(stepTimes.size());
  run.stepNs = median(std::move(stepTimes));
  run.pipelineNs = median(std::move(pipelineTimes));
  for (const auto& [stage, steps] : stepsOfStage) {
    StageRun row = stageRun(stage, steps);
    if (const auto peak = peaks.find(stage); peak != peaks.end()) row.peakBytes = peak->second;
    if (run.pipelineNs > 0) {
      run.bubblePct += 100.0 * static_cast<double>(row.bubbleNs) /
                       static_cast<double>(run.pipelineNs) /
                       static_cast<double>(stepsOfStage.size());
    }
    run.stages.push_back(row);
  }
  return run;
}

std::vector<std::string> cautions(const RunSummary& a, const RunSummary& b) {
  std::vector<std::string> texts;
  if (a.tag != b.tag) {
    texts.push_back(fmt::format("one is {}, the other {}", trace::name(a.tag), trace::name(b.tag)));
  }
  if (a.clock != b.clock && a.tag == b.tag) {
    texts.push_back(fmt::format("clocks differ: {} and {}",
                                a.clock.empty() ? "the trace's own" : a.clock,
                                b.clock.empty() ? "the trace's own" : b.clock));
  }
  if (!a.hardware.empty() && !b.hardware.empty() && a.hardware != b.hardware) {
    texts.push_back(fmt::format("hardware differs: {} and {}", a.hardware, b.hardware));
  }
  if (a.stages.size() != b.stages.size()) {
    texts.push_back(fmt::format("stages differ: {} and {}", a.stages.size(), b.stages.size()));
  }
  return texts;
}

double changePct(int64_t a, int64_t b) {
  return a == 0 ? 0.0 : 100.0 * static_cast<double>(b - a) / static_cast<double>(a);
}

}  // namespace caracal::analysis
