#include "core/planner/stage_choice.h"

#include <algorithm>
#include <utility>

namespace caracal::planner {

StageChoice choiceOf(const StageModel& model, const KindPolicies& policies) {
  const ResolvedPolicies resolved = model.resolve(policies);
  StageChoice choice;
  choice.times = model.passTimes(resolved);
  choice.peakBytes = model.peakBytes(policies, resolved);
  const plan::StageShape& shape = model.shape();
  for (int32_t layer = shape.firstLayer(); layer <= shape.topLayer(); ++layer) {
    plan::LayerPolicy& policy = choice.layers.emplace_back();
    policy.placements = policies[shape.profile.layers[static_cast<size_t>(layer)]];
  }
  return choice;
}

int64_t loadNs(const PassTimes& times) {
  return std::max(times.forwardNs, times.forwardFilledNs) + times.backwardNs;
}

int64_t recomputeNs(const plan::StageShape& shape, const std::vector<plan::LayerPolicy>& layers) {
  int64_t total = 0;
  for (size_t l = 0; l < layers.size(); ++l) {
    const auto& operators = shape.operators(shape.firstLayer() + static_cast<int32_t>(l));
    for (size_t op = 0; op < operators.size(); ++op) {
      if (layers[l].placements[op].recomputed()) total += operators[op].forwardNs;
    }
  }
  return total;
}

Candidate candidateOf(const profile::Profile& profile, plan::Plan skeleton,
                      std::vector<StageChoice> choices) {
  Candidate candidate;
  candidate.plan = std::move(skeleton);
  std::vector<PassTimes> times;
  bool complete = true;
  for (size_t s = 0; s < choices.size(); ++s) {
    StageChoice& choice = choices[s];
    times.push_back(choice.times);
    candidate.peakBytes.push_back(choice.peakBytes);
    candidate.loadNs.push_back(loadNs(choice.times));
    complete &= choice.complete;
    if (!choice.fits) candidate.status = PlanStatus::kInfeasible;
    candidate.plan.stages[s].layers = std::move(choice.layers);
  }
  candidate.stepNs = pipelineTimes(times, {profile.parallel.microBatches, profile.sendForwardNs,
                                           profile.sendBackwardNs})
                         .stepNs;
  if (complete || candidate.feasible()) {
    candidate.smallestBudgetBytes =
        *std::max_element(candidate.peakBytes.begin(), candidate.peakBytes.end());
  }
  if (!complete) candidate.notes.push_back("the search ended early; a better policy may exist");
  return candidate;
}

}  // namespace caracal::planner
