#include "core/planner/opt.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/planner/heu_plus.h"
#include "core/planner/pipeline_model.h"
#include "core/planner/stage_choice.h"
#include "core/planner/stage_exchange.h"
#include "core/planner/stage_optimum.h"
#include "core/planner/worst_paths.h"

namespace caracal::planner {
namespace {

// Chains of one stage that fit and of which none makes every pass as short as another.
class StagePool {
 public:
  StagePool(const PipelineModel& pipeline, size_t s, MixLimits limits, const MixStop& stop)
      : m_mix(pipeline.stage(s), pipeline.gaps(s), pipeline.budgetBytes(), limits, stop) {}

  StageMix& mix() { return m_mix; }
  std::vector<plan::LayerPolicy> policiesOf(size_t chain) const {
    return m_mix.table().policiesOf(m_chains[chain].layers);
  }

  void add(StageChain chain) {
    const bool superfluous =
        std::any_of(m_chains.begin(), m_chains.end(),
                    [&](const StageChain& known) { return noLonger(known.times, chain.times); });
    if (!superfluous) m_chains.push_back(std::move(chain));
  }

  const std::vector<StageChain>& chains() const { return m_chains; }
  std::vector<PassTimes> times() const {
    std::vector<PassTimes> times;
    for (const StageChain& chain : m_chains) times.push_back(chain.times);
    return times;
  }

 private:
  StageMix m_mix;
  std::vector<StageChain> m_chains;
};

class OptPlanner {
 public:
  OptPlanner(const profile::Profile& profile, const plan::Plan& skeleton, const MixStop& stop)
      : m_pipeline(profile, skeleton), m_stop(stop) {
    const auto stages = static_cast<int64_t>(m_pipeline.size());
    MixLimits limits = kThoroughMix;
    limits.evaluations = std::max(limits.evaluations / stages, kQuickMix.evaluations);
    m_proofSteps = std::max(m_proofSteps / stages, int64_t{4'000'000});
    m_pools.reserve(m_pipeline.size());
    for (size_t s = 0; s < m_pipeline.size(); ++s)
      m_pools.emplace_back(m_pipeline, s, limits, stop);
  }

  Candidate run(Candidate start) {
    start.boundNs = 0;
    std::vector<size_t> first, optima;
    for (size_t s = 0; s < m_pools.size(); ++s) {
      searchStage(s, start.plan.stages[s].layers, start.notes);
      first.push_back(0);
      optima.push_back(m_pools[s].chains().size() - 1);
    }
    m_chosen = better(improved(first), improved(optima));
    const int64_t boundNs = m_pipeline.size() == 1 ? boundOfStage() : boundByPaths();
    fill(start);
    start.boundNs = std::min(boundNs, start.stepNs);
    return start;
  }

 private:
  using Choice = std::vector<size_t>;  // of each pool's chains

  StageTask taskOf(size_t s, PassCharges charges) const {
    return {m_pipeline.stage(s), std::move(charges), m_pipeline.budgetBytes(), m_proofSteps};
  }

  // The stage by itself, with the waits of a pipeline in which nobody recomputes.
  void searchStage(size_t s, const std::vector<plan::LayerPolicy>& start,
                   std::vector<std::string>& notes) {
    StageMix& mix = m_pools[s].mix();
    StageChain chain = mix.judge(mix.table().chainOf(start));
    m_pools[s].add(chain);
    const PassCharges charges = chargesOf(m_pipeline.stage(s), m_pipeline.gaps(s));
    StageOptimum optimum = searchOptimum(taskOf(s, charges), mix, std::move(chain), m_stop);
    if (optimum.chain.objectiveNs > 0) {
      notes.push_back(fmt::format(
          "stage {}: recomputation adds {:.3f} ms to its step beyond what waits hide; no plan of "
          "the stage adds less than {:.3f} ms",
          s, static_cast<double>(optimum.chain.objectiveNs) / 1e6,
          static_cast<double>(optimum.boundNs) / 1e6));
    }
    m_stageBoundNs = optimum.boundNs;
    m_pools[s].add(std::move(optimum.chain));
  }

  int64_t stepNs(const Choice& choice) const { return m_pipeline.stepNs(timesOf(plans(), choice)); }
  Choice better(Choice a, Choice b) const { return stepNs(b) < stepNs(a) ? b : a; }

  StagePlans plans() const {
    StagePlans plans;
    for (const StagePool& pool : m_pools) plans.push_back(pool.times());
    return plans;
  }
  Choice improved(Choice choice) const {
    return exchangeStages(m_pipeline, plans(), std::move(choice), m_stop);
  }

  // A stage alone is always at work.
  int64_t boundOfStage() const {
    return m_pipeline.stepNs({m_pipeline.stage(0).plainTimes()}) + m_stageBoundNs;
  }

  // One mean of paths and what its stages are proven to be charged on it.
  struct PathBound {
    StepPath paths;
    std::vector<StageProof> proofs;
    double ns(const PipelineModel& pipeline) const {
      double sum = paths.transferNs;
      for (size_t s = 0; s < proofs.size(); ++s)
        sum += paths.stages[s].ns(pipeline.stage(s).plainTimes()) + proofs[s].boundNs();
      return sum;
    }
  };

  PathBound priced() const {
    PathBound bound{worstPaths(plans(), m_pipeline.shape()), {}};
    for (size_t s = 0; s < m_pools.size(); ++s)
      bound.proofs.emplace_back(taskOf(s, chargesOf(bound.paths.stages[s])), m_stop);
    return bound;
  }

  // The least that a known chain of the stage is charged.
  double reachedNs(size_t s, const StepPath& paths) const {
    const PassTimes& plain = m_pipeline.stage(s).plainTimes();
    double least = std::numeric_limits<double>::infinity();
    for (const StageChain& chain : m_pools[s].chains())
      least = std::min(least, chargesOf(paths.stages[s]).ns(chain.times, plain));
    return least;
  }

  int64_t boundByPaths() {
    constexpr int kRounds = 4;
    PathBound best = priced();
    for (int round = 0; round < kRounds && !m_stop.requested(); ++round) {
      PathBound next = round == 0 ? best : priced();
      for (size_t s = 0; s < m_pools.size(); ++s) {
        const double reached = reachedNs(s, next.paths);
        if (reached == 0) continue;
        for (StageChain& chain : chainsThatFit(next.proofs[s], m_pools[s].mix(), reached))
          m_pools[s].add(std::move(chain));
      }
      m_chosen = better(m_chosen, improved(m_chosen));
      if (next.ns(m_pipeline) > best.ns(m_pipeline)) best = std::move(next);
    }
    for (size_t s = 0; s < m_pools.size(); ++s) prove(s, best);
    m_chosen = better(m_chosen, improved(m_chosen));
    const double ns = best.ns(m_pipeline);
    return std::max<int64_t>(0, std::llround(std::ceil(ns - 1e-9 * ns - 0.1)));
  }

  void prove(size_t s, PathBound& bound) {
    StagePool& pool = m_pools[s];
    bound.proofs[s].prove(reachedNs(s, bound.paths), [&](const std::vector<LayerChain>& chains) {
      for (const LayerChain& choices : chains) {
        StageChain chain = chainOf(choices, bound.proofs[s].stage(), pool.mix());
        if (chain.peakBytes <= m_pipeline.budgetBytes()) pool.add(std::move(chain));
      }
      return reachedNs(s, bound.paths);
    });
  }

  void fill(Candidate& candidate) const {
    const int64_t reached = stepNs(m_chosen);
    if (reached >= candidate.stepNs) return;
    candidate.stepNs = reached;
    for (size_t s = 0; s < m_pools.size(); ++s) {
      const StageChain& chain = m_pools[s].chains()[m_chosen[s]];
      candidate.plan.stages[s].layers = m_pools[s].policiesOf(m_chosen[s]);
      candidate.peakBytes[s] = chain.peakBytes;
      candidate.loadNs[s] = loadNs(chain.times);
    }
  }

  PipelineModel m_pipeline;
  const MixStop& m_stop;
  int64_t m_proofSteps = 40'000'000;  // for all stages together
  std::vector<StagePool> m_pools;
  Choice m_chosen;
  int64_t m_stageBoundNs = 0;  // of the last stage searched
};

}  // namespace

Result<Candidate> optCandidate(const profile::Profile& profile, const plan::Plan& skeleton,
                               double timeLimitSeconds, std::stop_token stop) {
  const MixStop mixStop = stopAfter(timeLimitSeconds, stop);
  CARACAL_TRY(plus, heuPlusCandidate(profile, skeleton, timeLimitSeconds, stop));
  if (!plus.feasible()) return plus;
  Candidate candidate = OptPlanner(profile, skeleton, mixStop).run(plus);
  if (mixStop.requested() && plus.status != PlanStatus::kTimeLimit) endedEarly(mixStop, candidate);
  if (candidate.stepNs == candidate.boundNs) candidate.status = PlanStatus::kOptimal;
  return candidate;
}

}  // namespace caracal::planner
