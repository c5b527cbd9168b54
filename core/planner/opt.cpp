#include "core/planner/opt.h"

#include <algorithm>
#include <utility>

#include "core/planner/heu_plus.h"
#include "core/planner/mixed_plan.h"
#include "core/planner/stage_optimum.h"

namespace caracal::planner {
namespace {

std::string stageNote(size_t stage, int64_t reachedNs, int64_t boundNs) {
  return fmt::format(
      "stage {}: recomputation adds {:.3f} ms to its work in a step; no plan adds less than {:.3f} "
      "ms",
      stage, static_cast<double>(reachedNs) / 1e6, static_cast<double>(boundNs) / 1e6);
}

std::string waitingNote(size_t stage, int64_t reachedNs, int64_t boundNs) {
  return fmt::format(
      "stage {}: {:.3f} ms of it do not fit into waits for gradients; no plan leaves less than "
      "{:.3f} ms",
      stage, static_cast<double>(reachedNs) / 1e6, static_cast<double>(boundNs) / 1e6);
}

bool waits(const StageModel& model, const StageGaps& gaps) {
  return gaps.steady.exposedNs(1) < model.steadyCount() ||
         gaps.tail.exposedNs(1) < model.tailCount();
}

class OptPlanner {
 public:
  OptPlanner(const profile::Profile& profile, const plan::Plan& skeleton, const MixStop& stop)
      : m_pipeline(profile, skeleton), m_stop(stop) {
    const auto stages = static_cast<int64_t>(m_pipeline.size());
    m_limits.evaluations = std::max(m_limits.evaluations / stages, kQuickMix.evaluations);
    m_proofSteps = std::max(m_proofSteps / stages, int64_t{10'000'000});
  }

  Candidate run(const Candidate& start) {
    m_waitBounds.resize(m_pipeline.size());
    const auto search = [&](StageMix& mix, size_t s, StageChain chain) {
      StageOptimum optimum =
          searchOptimum(taskOf(s, m_pipeline.gaps(s)), mix, std::move(chain), m_stop);
      m_waitBounds[s] = optimum.boundNs;
      return std::move(optimum.chain);
    };
    MixedPlan mixed = mixStages(m_pipeline, start, search, m_limits, m_stop);
    Candidate& candidate = mixed.candidate;
    std::vector<int64_t> bounds;
    for (size_t s = 0; s < m_pipeline.size(); ++s)
      bounds.push_back(boundOf(s, mixed.times[s], candidate.notes));
    candidate.boundNs = m_pipeline.stepBoundNs(bounds);
    return std::move(candidate);
  }

 private:
  StageTask taskOf(size_t s, const StageGaps& gaps) const {
    return {m_pipeline.stage(s), gaps, m_pipeline.budgetBytes(), m_proofSteps};
  }

  // Of the stage's work, for which nobody waits.
  int64_t boundOf(size_t s, const PassTimes& times, std::vector<std::string>& notes) const {
    const StageModel& model = m_pipeline.stage(s);
    const int64_t workNs = objectiveNs(model, m_pipeline.noGaps(s), times);
    const bool stageWaits = waits(model, m_pipeline.gaps(s));
    const int64_t boundNs = stageWaits
                                ? provenBoundNs(taskOf(s, m_pipeline.noGaps(s)), workNs, m_stop)
                                : std::min(m_waitBounds[s], workNs);
    if (workNs > 0) notes.push_back(stageNote(s, workNs, boundNs));
    const int64_t exposedNs = objectiveNs(model, m_pipeline.gaps(s), times);
    if (stageWaits && exposedNs > 0)
      notes.push_back(waitingNote(s, exposedNs, std::min(m_waitBounds[s], exposedNs)));
    return boundNs;
  }

  PipelineModel m_pipeline;
  const MixStop& m_stop;
  MixLimits m_limits = kThoroughMix;
  int64_t m_proofSteps = 60'000'000;  // for all stages together
  std::vector<int64_t> m_waitBounds;  // of what each stage's waits do not hide
};

}  // namespace

Result<Candidate> optCandidate(const profile::Profile& profile, const plan::Plan& skeleton,
                               double timeLimitSeconds, std::stop_token stop) {
  const MixStop mixStop = stopAfter(timeLimitSeconds, stop);
  CARACAL_TRY(plus, heuPlusCandidate(profile, skeleton, timeLimitSeconds, stop));
  if (!plus.feasible()) return plus;
  Candidate candidate = OptPlanner(profile, skeleton, mixStop).run(plus);
  if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "planning cancelled");
  if (mixStop.requested() && plus.status != PlanStatus::kTimeLimit) endedByTimeLimit(candidate);
  if (candidate.stepNs == candidate.boundNs) candidate.status = PlanStatus::kOptimal;
  return candidate;
}

}  // namespace caracal::planner
