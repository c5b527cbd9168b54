#include "core/analysis/step_summaries.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "core/analysis/schedule_order.h"
#include "core/base/format.h"
#include "core/base/statistics.h"

namespace caracal::analysis {
namespace {

using trace::Pass;
using StagesOfStep = std::vector<const StageStep*>;

int64_t countPasses(const StageStep& stage, Pass pass) {
  return std::count_if(stage.passes.begin(), stage.passes.end(),
                       [&](const PassSpan& p) { return p.pass == pass; });
}

bool isComplete(const StagesOfStep& stages) {
  const int64_t forwards = countPasses(*stages.front(), Pass::kForward);
  return forwards > 0 && std::all_of(stages.begin(), stages.end(), [&](const StageStep* stage) {
           return countPasses(*stage, Pass::kForward) == forwards &&
                  countPasses(*stage, Pass::kBackward) == forwards;
         });
}

// Consecutive StageSteps of one (step, replica).
std::vector<StagesOfStep> groupByStepAndReplica(const std::vector<StageStep>& stageSteps) {
  std::vector<StagesOfStep> groups;
  for (const StageStep& stage : stageSteps) {
    const bool sameGroup = !groups.empty() && groups.back().front()->step == stage.step &&
                           groups.back().front()->replica == stage.replica;
    if (!sameGroup) groups.emplace_back();
    groups.back().push_back(&stage);
  }
  return groups;
}

void add(StageSummary& sum, const StageStep& stage) {
  ++sum.steps;
  sum.stepNs += stage.stepSpan.lengthNs();
  sum.pipelineNs += stage.pipelineWindow.lengthNs();
  sum.computeNs += stage.computeNs;
  sum.bubbleNs += stage.bubbleNs;
  sum.busyNs += stage.busyNs;
  for (size_t cause = 0; cause < kIdleCauseCount; ++cause) sum.causes[cause] += stage.causes[cause];
  sum.recomputeHiddenNs += stage.recomputeHiddenNs;
  sum.recomputeExposedNs += stage.recomputeExposedNs;
}

void summarizeStages(StepModel& model, const std::vector<StagesOfStep>& complete) {
  std::map<int32_t, StageSummary> sums;
  std::map<std::pair<int32_t, Pass>, std::vector<int64_t>> times;
  for (const StagesOfStep& stages : complete) {
    for (const StageStep* stage : stages) {
      add(sums[stage->stage], *stage);
      for (const Pass pass : {Pass::kForward, Pass::kBackward}) {
        const std::vector<int64_t> ofStep = microBatchTimes(*stage, pass);
        std::vector<int64_t>& all = times[{stage->stage, pass}];
        all.insert(all.end(), ofStep.begin(), ofStep.end());
      }
    }
  }
  for (auto& [stage, sum] : sums) {
    sum.stage = stage;
    sum.forwardNs = median(times[{stage, Pass::kForward}]);
    sum.backwardNs = median(times[{stage, Pass::kBackward}]);
    if (sum.pipelineNs > 0) {
      sum.bubblePct =
          100.0 * static_cast<double>(sum.bubbleNs) / static_cast<double>(sum.pipelineNs);
    }
    model.stages.push_back(sum);
  }
}

void findSchedule(StepModel& model, const std::vector<StagesOfStep>& complete) {
  std::set<std::string> schedules;
  std::set<int64_t> microBatches;
  for (const StagesOfStep& stages : complete) {
    schedules.insert(recognizeSchedule(stages, model.stageCount, model.chunks));
    microBatches.insert(countPasses(*stages.front(), Pass::kForward) / model.chunks);
  }
  model.schedule = schedules.size() == 1 ? *schedules.begin() : "unknown";
  model.microBatches = microBatches.size() == 1 ? static_cast<int32_t>(*microBatches.begin()) : 0;
  model.facts.push_back(model.stageCount == 1 && model.chunks == 1
                            ? Fact{"no pipeline schedule", "one stage"}
                            : Fact{"schedule: " + model.schedule,
                                   "order of forward and backward passes on every stage"});
  model.facts.push_back({model.microBatches > 0
                             ? fmt::format("micro-batches per step: {}", model.microBatches)
                             : "micro-batches per step: differ",
                         "number of forward passes"});
}

// The others wait for a slow replica in every data-parallel reduction, and sums over replicas hide
// it.
void findSlowReplica(StepModel& model, const std::vector<StagesOfStep>& complete) {
  constexpr double kSlow = 1.1;
  std::map<int32_t, std::vector<int64_t>> windows;
  for (const StagesOfStep& stages : complete)
    windows[stages.front()->replica].push_back(stages.front()->pipelineWindow.lengthNs());
  if (windows.size() < 2) return;
  std::vector<std::pair<int64_t, int32_t>> medians;
  for (const auto& [replica, lengths] : windows) medians.emplace_back(median(lengths), replica);
  std::sort(medians.begin(), medians.end());
  const auto [slowNs, slow] = medians.back();
  medians.pop_back();
  std::vector<int64_t> others;
  for (const auto& [ns, replica] : medians) others.push_back(ns);
  const int64_t othersNs = median(std::move(others));
  if (static_cast<double>(slowNs) <= kSlow * static_cast<double>(othersNs)) return;
  model.facts.push_back(
      {fmt::format("replica {} is slow: its pipeline takes {} a step, the others' {}; they wait "
                   "for it where gradients are reduced",
                   slow, formatDuration(slowNs), formatDuration(othersNs)),
       "median pipeline window of each replica"});
}

}  // namespace

std::vector<int64_t> microBatchTimes(const StageStep& stage, Pass pass) {
  std::map<int32_t, int64_t> numbered;
  std::vector<int64_t> times;
  for (const PassSpan& span : stage.passes) {
    if (span.pass != pass) continue;
    if (span.microBatch < 0)
      times.push_back(span.span.lengthNs());
    else
      numbered[span.microBatch] += span.span.lengthNs();
  }
  for (const auto& [microBatch, ns] : numbered) times.push_back(ns);
  return times;
}

void summarize(StepModel& model) {
  const std::vector<StagesOfStep> groups = groupByStepAndReplica(model.stageSteps);
  std::vector<StagesOfStep> complete;
  for (const StagesOfStep& stages : groups) {
    const StageStep& first = *stages.front();
    model.steps.push_back(
        {first.step, first.replica, first.stepSpan.lengthNs(), first.pipelineWindow.lengthNs()});
    if (isComplete(stages)) complete.push_back(stages);
  }
  for (const StageStep& stage : model.stageSteps) {
    for (const PassSpan& pass : stage.passes) model.chunks = std::max(model.chunks, pass.chunk + 1);
  }
  if (complete.size() < groups.size()) {
    model.facts.push_back({fmt::format("{} of {} steps are incomplete and left out of the sums",
                                       groups.size() - complete.size(), groups.size()),
                           "forward and backward passes that do not pair up"});
  }
  findSchedule(model, complete);
  findSlowReplica(model, complete);
  summarizeStages(model, complete);
}

}  // namespace caracal::analysis
