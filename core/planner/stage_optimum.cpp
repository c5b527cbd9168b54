#include "core/planner/stage_optimum.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace caracal::planner {

StageChain chainOf(const LayerChain& choices, const StageTerms& stage, StageMix& mix) {
  Chain layers;
  for (size_t layer = 0; layer < choices.size(); ++layer) {
    const LayerPlace& place = stage.places[stage.placeOf[layer]].place;
    layers.push_back(mix.table().add(place.kind, choices[layer]->placements));
  }
  return mix.judge(std::move(layers));
}

std::vector<StageChain> chainsThatFit(StageProof& proof, StageMix& mix, double reachedNs) {
  constexpr int kAttempts = 3;
  std::vector<StageChain> fitting;
  int64_t less = 0;  // by so much the chains found so far exceed the budget, about
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    int64_t excess = 0;
    for (const LayerChain& choices : proof.promisingChains(reachedNs, less)) {
      StageChain chain = chainOf(choices, proof.stage(), mix);
      if (chain.peakBytes > mix.budgetBytes())
        excess = std::max(excess, chain.peakBytes - mix.budgetBytes());
      else
        fitting.push_back(std::move(chain));
    }
    if (excess == 0) break;
    less += std::max<int64_t>(1, excess / 2);
  }
  return fitting;
}

StageOptimum searchOptimum(const StageTask& task, StageMix& mix, StageChain start,
                           const MixStop& stop) {
  StageOptimum optimum{std::move(start), 0};
  StageChain& best = optimum.chain;
  if (best.objectiveNs == 0) return optimum;
  StageProof proof(task, stop);
  const auto bound = [&] {
    return std::min(static_cast<int64_t>(std::ceil(proof.boundNs())), best.objectiveNs);
  };
  const auto reachedNs = [&] { return static_cast<double>(best.objectiveNs); };
  const auto consider = [&](StageChain chain) {
    if (chain.peakBytes <= task.budgetBytes && chain.objectiveNs < best.objectiveNs)
      best = std::move(chain);
  };
  for (StageChain& chain : chainsThatFit(proof, mix, reachedNs())) consider(std::move(chain));
  if (bound() < best.objectiveNs) best = mix.search(std::move(best));
  proof.prove(reachedNs(), [&](const std::vector<LayerChain>& chains) {
    for (const LayerChain& choices : chains) consider(chainOf(choices, proof.stage(), mix));
    return reachedNs();
  });
  optimum.boundNs = bound();
  return optimum;
}

double provenBoundNs(const StageTask& task, double reachedNs, const MixStop& stop) {
  if (reachedNs <= 0) return 0;
  StageProof proof(task, stop);
  proof.prove(reachedNs, [&](const std::vector<LayerChain>&) { return reachedNs; });
  return std::min(proof.boundNs(), reachedNs);
}

}  // namespace caracal::planner
