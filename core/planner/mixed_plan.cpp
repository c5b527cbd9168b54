#include "core/planner/mixed_plan.h"

#include <utility>

namespace caracal::planner {
namespace {

StageChoice choiceOf(const StageChain& chain, const VariantTable& table) {
  StageChoice choice;
  choice.layers = table.policiesOf(chain.layers);
  choice.times = chain.times;
  choice.peakBytes = chain.peakBytes;
  return choice;
}

}  // namespace

StageChoice mixStage(const StageModel& model, const StageGaps& gaps, int64_t budgetBytes,
                     const std::vector<plan::LayerPolicy>& start, MixLimits limits,
                     const MixStop& stop) {
  StageMix mix(model, gaps, budgetBytes, limits, stop);
  StageChain first = mix.judge(mix.table().chainOf(start));
  return choiceOf(mix.search(std::move(first)), mix.table());
}

MixedPlan mixStages(const PipelineModel& pipeline, const Candidate& start,
                    const SearchStage& search, MixLimits limits, const MixStop& stop) {
  MixedPlan mixed{start, {}};
  std::vector<PassTimes> before;
  for (size_t s = 0; s < pipeline.size(); ++s) {
    const StageModel& model = pipeline.stage(s);
    plan::StagePlan& stage = mixed.candidate.plan.stages[s];
    StageMix mix(model, pipeline.gaps(s), pipeline.budgetBytes(), limits, stop);
    StageChain first = mix.judge(mix.table().chainOf(stage.layers));
    before.push_back(first.times);
    StageChoice best = choiceOf(search(mix, s, std::move(first)), mix.table());
    stage.layers = std::move(best.layers);
    mixed.candidate.peakBytes[s] = best.peakBytes;
    mixed.candidate.loadNs[s] = loadNs(best.times);
    mixed.times.push_back(best.times);
  }
  mixed.candidate.stepNs = pipeline.stepNs(mixed.times);
  if (mixed.candidate.stepNs >= start.stepNs) return {start, std::move(before)};
  return mixed;
}

}  // namespace caracal::planner
