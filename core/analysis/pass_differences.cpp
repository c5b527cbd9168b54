#include "core/analysis/pass_differences.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "core/analysis/run_summary.h"
#include "core/base/statistics.h"

namespace caracal::analysis {
namespace {

struct PassKey {
  int32_t stage;
  trace::Pass pass;
  int32_t microBatch;
  int32_t chunk;
  auto operator<=>(const PassKey&) const = default;
};

struct Samples {
  std::vector<int64_t> beginsNs, durationsNs;
  trace::EventIndex event = trace::kNoIndex;
};

std::map<PassKey, TypicalPass> typicalPasses(const trace::Trace& trace, const StepModel& model) {
  const int32_t skipped = warmUpStep(trace, model);
  std::map<PassKey, Samples> samples;
  for (const StageStep& step : model.stageSteps) {
    if (step.step == skipped) continue;
    for (const PassSpan& pass : step.passes) {
      Samples& of = samples[{step.stage, pass.pass, pass.microBatch, pass.chunk}];
      if (of.event == trace::kNoIndex) of.event = pass.event;
      of.beginsNs.push_back(pass.span.beginNs - step.pipelineWindow.beginNs);
      of.durationsNs.push_back(pass.span.lengthNs());
    }
  }
  std::map<PassKey, TypicalPass> typical;
  for (auto& [key, of] : samples) {
    typical[key] = {median(std::move(of.beginsNs)), median(std::move(of.durationsNs)), of.event};
  }
  return typical;
}

}  // namespace

std::vector<PassDifference> passDifferences(const trace::Trace& predictedTrace,
                                            const StepModel& predicted,
                                            const trace::Trace& measuredTrace,
                                            const StepModel& measured) {
  const auto expected = typicalPasses(predictedTrace, predicted);
  const auto happened = typicalPasses(measuredTrace, measured);
  std::vector<PassDifference> differences;
  for (const auto& [key, pass] : expected) {
    const auto same = happened.find(key);
    if (same == happened.end()) continue;
    differences.push_back({key.stage, key.pass, key.microBatch, key.chunk, pass, same->second});
  }
  std::stable_sort(
      differences.begin(), differences.end(), [](const PassDifference& a, const PassDifference& b) {
        return std::tie(a.stage, a.predicted.beginNs) < std::tie(b.stage, b.predicted.beginNs);
      });
  return differences;
}

}  // namespace caracal::analysis
