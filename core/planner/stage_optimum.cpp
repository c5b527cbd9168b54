#include "core/planner/stage_optimum.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/planner/chain_search.h"

namespace caracal::planner {
namespace {

constexpr int64_t kChoiceNodes = 1'500'000;
constexpr size_t kMostChoices = 16'000;  // per place, superfluous ones included
constexpr size_t kPromising = 300;       // of them, for chains that are tried
constexpr ChainRequest kTry{0, 300, 20'000'000, Thinning::kDrop};
constexpr ChainRequest kProve{0, 500, 0, Thinning::kMerge};

using Choices = std::vector<std::vector<LayerChoice>>;  // per place
using LayerChain = std::vector<const LayerChoice*>;     // per layer, bottom first

class StageProof {
 public:
  StageProof(const StageTask& task, const MixStop& stop)
      : m_stage(task.model, task.gaps, task.budgetBytes),
        m_stop(stop),
        m_dual(highestBound(m_stage, stop)),
        m_steps(task.proofSteps) {
    const PassTimes& plain = task.model.plainTimes();
    m_firstOpenNs = 5e-4 * static_cast<double>(task.model.microBatches()) *
                    static_cast<double>(plain.forwardNs + plain.backwardNs);
    m_boundNs = m_dual.complete ? m_dual.boundNs : 0;
  }

  const StageTerms& stage() const { return m_stage; }

  int64_t boundNs(int64_t reachedNs) const {
    // The sums of doubles behind it are not exact; whole nanoseconds are far enough apart.
    const double safe = m_boundNs - 1e-9 * std::abs(m_boundNs) - 1e-2;
    return std::clamp(static_cast<int64_t>(std::ceil(safe)), int64_t{0}, reachedNs);
  }

  // Chains of the most promising choices, cheapest first; they may take more memory than they
  // promise before the stage's first backward. `less`: bytes to leave free.
  std::vector<LayerChain> promisingChains(double reachedNs, int64_t less) {
    if (!m_dual.complete || !listChoices(std::min(m_firstOpenNs, reachedNs - m_dual.boundNs)))
      return {};
    Choices promising = m_choices;
    for (size_t place = 0; place < promising.size(); ++place)
      keepPromising(place, promising[place]);
    StageTerms stage = m_stage;
    stage.roomBytes -= less;
    ChainRequest request = kTry;
    request.reachedNs = 4 * reachedNs;
    m_promising = std::move(promising);
    return chainsOf(searchChains(stage, m_dual, m_promising, request, m_stop), m_promising);
  }

  // Raises the bound step by step: choices and chains that cost up to so much more than it. Returns
  // the cheapest chains met.
  std::vector<LayerChain> prove(double reachedNs) {
    std::vector<LayerChain> chains;
    if (!m_dual.complete) return chains;
    for (double openNs = m_firstOpenNs; reachedNs > m_boundNs && !m_stop.requested(); openNs *= 2) {
      openNs = std::min(openNs, reachedNs - m_dual.boundNs);
      if (!listChoices(openNs)) break;
      chains.clear();
      ChainRequest request = kProve;
      request.reachedNs = std::min(reachedNs, m_dual.boundNs + openNs);
      request.steps = m_steps;
      const ChainResult found = searchChains(m_stage, m_dual, m_choices, request, m_stop);
      m_steps -= found.steps;
      if (!found.complete) break;
      m_boundNs = std::max(m_boundNs, found.leastNs);
      // What is cheaper than all that was left out is the least there is.
      chains = chainsOf(found, m_choices);
      if (found.leastNs < request.reachedNs || request.reachedNs >= reachedNs) break;
    }
    return chains;
  }

 private:
  std::vector<LayerChain> chainsOf(const ChainResult& found, const Choices& choices) const {
    std::vector<LayerChain> chains;
    for (const auto& indices : found.chains) {
      LayerChain& chain = chains.emplace_back();
      for (size_t layer = 0; layer < indices.size(); ++layer)
        chain.push_back(&choices[m_stage.placeOf[layer]][indices[layer]]);
    }
    return chains;
  }

  // The choices within so much of each place's cheapest. False: there are too many.
  bool listChoices(double openNs) {
    if (openNs <= m_listedNs) return true;
    Choices choices;
    for (size_t place = 0; place < m_stage.places.size(); ++place) {
      ChoiceList list =
          choicesUpTo(m_stage.places[place], m_dual.prices, m_dual.leastNs[place] + openNs,
                      {kChoiceNodes, kMostChoices, m_stop});
      if (!list.complete) return false;
      choices.push_back(std::move(list.choices));
    }
    m_choices = std::move(choices);
    m_listedNs = openNs;
    return true;
  }

  void keepPromising(size_t place, std::vector<LayerChoice>& choices) const {
    const LayerTerms& terms = m_stage.places[place];
    std::stable_sort(choices.begin(), choices.end(),
                     [&](const LayerChoice& a, const LayerChoice& b) {
                       return pricedNs(terms, m_dual.prices, a) < pricedNs(terms, m_dual.prices, b);
                     });
    choices.resize(std::min(choices.size(), kPromising));
  }

  StageTerms m_stage;
  MixStop m_stop;
  StageDual m_dual;
  int64_t m_steps;
  double m_firstOpenNs = 0, m_listedNs = -1, m_boundNs = 0;
  Choices m_choices, m_promising;
};

// Puts the best of the chains that fit in place of `best`; returns by how much others exceed the
// budget.
int64_t tryChains(const std::vector<LayerChain>& chains, const StageTerms& stage, StageMix& mix,
                  int64_t budgetBytes, StageChain& best) {
  int64_t excess = 0;
  for (const LayerChain& choices : chains) {
    Chain layers;
    for (size_t layer = 0; layer < choices.size(); ++layer) {
      const LayerPlace& place = stage.places[stage.placeOf[layer]].place;
      layers.push_back(mix.table().add(place.kind, choices[layer]->placements));
    }
    StageChain chain = mix.judge(std::move(layers));
    if (chain.peakBytes > budgetBytes)
      excess = std::max(excess, chain.peakBytes - budgetBytes);
    else if (chain.objectiveNs < best.objectiveNs)
      best = std::move(chain);
  }
  return excess;
}

}  // namespace

StageOptimum searchOptimum(const StageTask& task, StageMix& mix, StageChain start,
                           const MixStop& stop) {
  StageOptimum optimum{std::move(start), 0};
  if (optimum.chain.objectiveNs == 0) return optimum;
  StageProof proof(task, stop);
  StageChain& best = optimum.chain;
  const auto open = [&] { return proof.boundNs(best.objectiveNs) < best.objectiveNs; };
  const auto reachedNs = [&] { return static_cast<double>(best.objectiveNs); };
  int64_t less = 0;
  for (int attempt = 0; attempt < 3 && open(); ++attempt) {
    const int64_t excess = tryChains(proof.promisingChains(reachedNs(), less), proof.stage(), mix,
                                     task.budgetBytes, best);
    if (excess == 0) break;
    less += std::max<int64_t>(1, excess / 2);
  }
  if (open()) best = mix.search(std::move(best));
  tryChains(proof.prove(reachedNs()), proof.stage(), mix, task.budgetBytes, best);
  optimum.boundNs = proof.boundNs(best.objectiveNs);
  return optimum;
}

int64_t provenBoundNs(const StageTask& task, int64_t reachedNs, const MixStop& stop) {
  if (reachedNs == 0) return 0;
  StageProof proof(task, stop);
  proof.prove(static_cast<double>(reachedNs));
  return proof.boundNs(reachedNs);
}

}  // namespace caracal::planner
