#include "core/planner/mixed_plan.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/planner/stage_exchange.h"

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

namespace {

// Every stage's chains.
class ChainPools {
 public:
  ChainPools(const PipelineModel& pipeline, const Candidate& start, MixLimits limits,
             const MixStop& stop)
      : m_pipeline(pipeline), m_stop(stop) {
    for (size_t s = 0; s < pipeline.size(); ++s) {
      auto mix = std::make_unique<StageMix>(pipeline.stage(s), pipeline.gaps(s),
                                            pipeline.budgetBytes(), limits, stop);
      StageChain first = mix->judge(mix->table().chainOf(start.plan.stages[s].layers));
      m_mixes.push_back(std::move(mix));
      m_chains.emplace_back();
      m_plans.emplace_back();
      m_chosen.push_back(0);
      m_best.push_back(0);
      add(s, m_mixes[s]->searchAll(std::move(first)));
    }
    choose();
  }

  int64_t stepNs() const { return m_pipeline.stepNs(timesOf(m_plans, m_chosen)); }

  void fill(Candidate& candidate) const {
    candidate.stepNs = stepNs();
    for (size_t s = 0; s < m_plans.size(); ++s) {
      StageChoice choice = choiceOf(m_chains[s][m_chosen[s]], m_mixes[s]->table());
      candidate.plan.stages[s].layers = std::move(choice.layers);
      candidate.peakBytes[s] = choice.peakBytes;
      candidate.loadNs[s] = loadNs(choice.times);
    }
  }

 private:
  void add(size_t s, std::vector<StageChain> chains) {
    for (StageChain& chain : chains) {
      const auto& plans = m_plans[s];
      const bool superfluous = std::any_of(plans.begin(), plans.end(), [&](const PassTimes& known) {
        return noLonger(known, chain.times);
      });
      if (superfluous) continue;
      if (m_chains[s].empty() || chain.objectiveNs < m_chains[s][m_best[s]].objectiveNs)
        m_best[s] = plans.size();
      m_plans[s].push_back(chain.times);
      m_chains[s].push_back(std::move(chain));
    }
  }

  // From what is chosen, and from what is best for each stage by itself.
  void choose() {
    for (const auto& from : {m_chosen, m_best}) {
      auto choice = exchangeStages(m_pipeline, m_plans, from, m_stop);
      if (m_pipeline.stepNs(timesOf(m_plans, choice)) < stepNs()) m_chosen = std::move(choice);
    }
  }

  const PipelineModel& m_pipeline;
  const MixStop& m_stop;
  std::vector<std::unique_ptr<StageMix>> m_mixes;
  std::vector<std::vector<StageChain>> m_chains;
  StagePlans m_plans;  // theirs
  std::vector<size_t> m_chosen, m_best;
};

}  // namespace

Candidate mixStages(const PipelineModel& pipeline, const Candidate& start, MixLimits limits,
                    const MixStop& stop) {
  const ChainPools pools(pipeline, start, limits, stop);
  Candidate mixed = start;
  if (pools.stepNs() < start.stepNs) pools.fill(mixed);
  return mixed;
}

}  // namespace caracal::planner
