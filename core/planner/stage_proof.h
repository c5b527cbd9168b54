// StageProof: how little recomputation can add to one stage: a bound by prices (stage_dual.h), then
// every choice that the bound leaves open (layer_choices.h), then every chain of them
// (chain_search.h).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/planner/chain_search.h"
#include "core/planner/mix_stop.h"
#include "core/planner/stage_dual.h"

namespace caracal::planner {

struct StageTask {
  const StageModel& model;
  PassCharges charges;
  int64_t budgetBytes = 0;
  int64_t proofSteps = 40'000'000;  // extensions of chains by a layer; about 0.1 us each
};

using LayerChain = std::vector<const LayerChoice*>;  // per layer, bottom first

class StageProof {
 public:
  // Finds the prices. REQUIRES that the task's model outlives this.
  StageProof(const StageTask& task, const MixStop& stop);

  const StageTerms& stage() const { return m_stage; }

  // What no plan of the stage is charged less than, as far as is known; 0: nothing is known.
  double boundNs() const;

  // Chains of the most promising choices, cheapest first; they may take more memory than they
  // promise before the stage's first backward. `less`: bytes to leave free. Valid until the next
  // call.
  std::vector<LayerChain> promisingChains(double reachedNs, int64_t less);

  // What the cheapest chain known is charged, given more of them, which may take more memory than
  // they promise and are valid only during the call.
  using Judge = std::function<double(const std::vector<LayerChain>& chains)>;
  // Raises the bound step by step, until it meets what is reached: over chains that cost up to so
  // much more than it, and ever fewer of them joined. Calls `judge` with the cheapest of each step.
  void prove(double reachedNs, const Judge& judge);

 private:
  using Choices = std::vector<std::vector<LayerChoice>>;  // per place

  std::vector<LayerChain> chainsOf(const ChainResult& found, const Choices& choices) const;
  bool listChoices(double openNs);
  void keepPromising(size_t place, size_t most, std::vector<LayerChoice>& choices) const;

  StageTerms m_stage;
  MixStop m_stop;
  StageDual m_dual;
  int64_t m_steps, m_trySteps;
  double m_firstOpenNs = 0, m_listedNs = -1, m_boundNs = 0;
  Choices m_choices, m_promising;
};

}  // namespace caracal::planner
