#include "core/planner/mixed_plan.h"

#include <algorithm>
#include <utility>

namespace caracal::planner {
namespace {

Chain chainOf(const profile::Profile& profile, const plan::StagePlan& stage, VariantTable& table) {
  Chain layers;
  for (int32_t l = 0; l < stage.layerCount(); ++l) {
    const auto kind =
        static_cast<int32_t>(profile.layers[static_cast<size_t>(stage.firstLayer + l)]);
    layers.push_back(table.add(kind, stage.layers[static_cast<size_t>(l)].placements));
  }
  return layers;
}

}  // namespace

MixedPlan mixStages(const profile::Profile& profile, const PipelineModel& pipeline,
                    const Candidate& start, MixLimits limits, const MixStop& stop) {
  MixedPlan mixed{start, {}};
  std::vector<PassTimes> before;
  for (size_t s = 0; s < pipeline.size(); ++s) {
    StageMix mix(pipeline.stage(s), pipeline.gaps(s), pipeline.budgetBytes(), limits, stop);
    plan::StagePlan& stage = mixed.candidate.plan.stages[s];
    StageChain first = mix.judge(chainOf(profile, stage, mix.table()));
    before.push_back(first.times);
    const StageChain best = mix.search(std::move(first));
    for (size_t l = 0; l < best.layers.size(); ++l)
      stage.layers[l].placements = mix.table().placements(best.layers[l]);
    mixed.candidate.peakBytes[s] = best.peakBytes;
    mixed.candidate.loadNs[s] =
        std::max(best.times.forwardNs, best.times.forwardFilledNs) + best.times.backwardNs;
    mixed.times.push_back(best.times);
  }
  mixed.candidate.stepNs = pipeline.stepNs(mixed.times);
  if (mixed.candidate.stepNs >= start.stepNs) return {start, std::move(before)};
  return mixed;
}

}  // namespace caracal::planner
