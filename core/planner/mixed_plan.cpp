#include "core/planner/mixed_plan.h"

#include <utility>

namespace caracal::planner {
namespace {

Chain chainOf(const StageModel& model, const std::vector<plan::LayerPolicy>& layers,
              VariantTable& table) {
  const plan::StageShape& shape = model.shape();
  Chain chain;
  for (size_t l = 0; l < layers.size(); ++l) {
    const size_t layer = static_cast<size_t>(shape.firstLayer()) + l;
    chain.push_back(
        table.add(static_cast<int32_t>(shape.profile.layers[layer]), layers[l].placements));
  }
  return chain;
}

StageChoice choiceOf(const StageChain& chain, const VariantTable& table) {
  StageChoice choice;
  for (const VariantId layer : chain.layers) choice.layers.push_back({table.placements(layer)});
  choice.times = chain.times;
  choice.peakBytes = chain.peakBytes;
  return choice;
}

}  // namespace

StageChoice mixStage(const StageModel& model, const StageGaps& gaps, int64_t budgetBytes,
                     const std::vector<plan::LayerPolicy>& start, MixLimits limits,
                     const MixStop& stop) {
  StageMix mix(model, gaps, budgetBytes, limits, stop);
  StageChain first = mix.judge(chainOf(model, start, mix.table()));
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
    StageChain first = mix.judge(chainOf(model, stage.layers, mix.table()));
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
