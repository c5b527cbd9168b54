#include "core/analysis/step_summaries.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "core/analysis/schedule_order.h"
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

// Time per micro-batch of each stage, model chunks added up.
class PassTimes {
 public:
  void add(const StageStep& stage) {
    std::map<std::pair<Pass, int32_t>, int64_t> ofMicroBatch;
    for (const PassSpan& pass : stage.passes) {
      ofMicroBatch[{pass.pass, pass.microBatch}] += pass.span.lengthNs();
    }
    for (const auto& [key, ns] : ofMicroBatch) m_times[{stage.stage, key.first}].push_back(ns);
  }
  int64_t medianOf(int32_t stage, Pass pass) const {
    const auto found = m_times.find({stage, pass});
    return found == m_times.end() ? 0 : median(found->second);
  }

 private:
  std::map<std::pair<int32_t, Pass>, std::vector<int64_t>> m_times;
};

void summarizeStages(StepModel& model, const std::vector<StagesOfStep>& complete) {
  std::map<int32_t, StageSummary> sums;
  PassTimes times;
  for (const StagesOfStep& stages : complete) {
    for (const StageStep* stage : stages) {
      add(sums[stage->stage], *stage);
      times.add(*stage);
    }
  }
  for (auto& [stage, sum] : sums) {
    sum.stage = stage;
    sum.forwardNs = times.medianOf(stage, Pass::kForward);
    sum.backwardNs = times.medianOf(stage, Pass::kBackward);
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
  model.facts.push_back(
      {"schedule: " + model.schedule, "order of forward and backward passes on every stage"});
  model.facts.push_back({model.microBatches > 0
                             ? fmt::format("micro-batches per step: {}", model.microBatches)
                             : "micro-batches per step: differ",
                         "number of forward passes"});
}

}  // namespace

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
  summarizeStages(model, complete);
}

}  // namespace caracal::analysis
