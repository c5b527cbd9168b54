#include "core/planner/stage_proof.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace caracal::planner {
namespace {

constexpr int64_t kChoiceNodes = 20'000'000;
constexpr size_t kMostChoices = 100'000;  // per place, superfluous ones included
constexpr int64_t kTryShare = 13;         // of the proof's steps, for chains that are tried
constexpr size_t kFirstMost = 500;        // chains per layer, before they are joined
constexpr size_t kMoreChains = 4;
constexpr double kOpenFurther = 1.4;

}  // namespace

StageProof::StageProof(const StageTask& task, const MixStop& stop)
    : m_stage(task.model, task.charges, task.budgetBytes),
      m_stop(stop),
      m_dual(highestBound(m_stage, stop)),
      m_steps(task.proofSteps),
      m_trySteps(task.proofSteps / kTryShare) {
  const PassTimes& plain = task.model.plainTimes();
  m_firstOpenNs =
      5e-4 * task.charges.backward * static_cast<double>(plain.forwardNs + plain.backwardNs);
  m_boundNs = m_dual.complete ? m_dual.boundNs : 0;
}

double StageProof::boundNs() const {
  // The sums of doubles behind it are not exact; whole nanoseconds are far enough apart.
  return std::max(0.0, m_boundNs - 1e-9 * std::abs(m_boundNs) - 1e-2);
}

std::vector<LayerChain> StageProof::promisingChains(double reachedNs, int64_t less) {
  if (!m_dual.complete || !listChoices(std::min(m_firstOpenNs, reachedNs - m_dual.boundNs)))
    return {};
  const double steps =
      static_cast<double>(m_trySteps) / static_cast<double>(m_stage.placeOf.size());
  ChainRequest request;
  request.reachedNs = 4 * reachedNs;
  request.most = static_cast<size_t>(std::sqrt(steps));
  request.steps = 2 * m_trySteps;
  m_promising = m_choices;
  for (size_t place = 0; place < m_promising.size(); ++place)
    keepPromising(place, request.most, m_promising[place]);
  StageTerms stage = m_stage;
  stage.roomBytes -= less;
  return chainsOf(searchChains(stage, m_dual, m_promising, request, m_stop), m_promising);
}

void StageProof::prove(double reachedNs, const Judge& judge) {
  if (!m_dual.complete) return;
  double openNs = m_firstOpenNs;
  size_t most = kFirstMost;
  while (reachedNs > boundNs() && !m_stop.requested()) {
    openNs = std::min(openNs, reachedNs - m_dual.boundNs);
    if (!listChoices(openNs)) return;
    ChainRequest request;
    request.reachedNs = m_dual.boundNs + openNs;
    request.most = most;
    request.steps = m_steps;
    request.thinning = Thinning::kMerge;
    const ChainResult found = searchChains(m_stage, m_dual, m_choices, request, m_stop);
    m_steps -= found.steps;
    if (!found.complete) return;
    m_boundNs = std::max(m_boundNs, found.leastNs);
    reachedNs = std::min(reachedNs, judge(chainsOf(found, m_choices)));
    if (found.leastNs >= request.reachedNs) {
      if (request.reachedNs >= reachedNs) return;
      openNs *= kOpenFurther;
    } else if (found.thinned) {
      most *= kMoreChains;
    } else {
      return;  // what is cheaper than all that was left out is the least there is
    }
  }
}

std::vector<LayerChain> StageProof::chainsOf(const ChainResult& found,
                                             const Choices& choices) const {
  std::vector<LayerChain> chains;
  for (const auto& indices : found.chains) {
    LayerChain& chain = chains.emplace_back();
    for (size_t layer = 0; layer < indices.size(); ++layer)
      chain.push_back(&choices[m_stage.placeOf[layer]][indices[layer]]);
  }
  return chains;
}

// The choices within so much of each place's cheapest. False: there are too many.
bool StageProof::listChoices(double openNs) {
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

void StageProof::keepPromising(size_t place, size_t most, std::vector<LayerChoice>& choices) const {
  const LayerTerms& terms = m_stage.places[place];
  std::stable_sort(choices.begin(), choices.end(), [&](const LayerChoice& a, const LayerChoice& b) {
    return pricedNs(terms, m_dual.prices, a) < pricedNs(terms, m_dual.prices, b);
  });
  choices.resize(std::min(choices.size(), most));
}

}  // namespace caracal::planner
