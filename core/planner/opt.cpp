#include "core/planner/opt.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/planner/heu_plus.h"
#include "core/planner/mixed_plan.h"

namespace caracal::planner {
namespace {

using Clock = std::chrono::steady_clock;

MixStop stopOf(double timeLimitSeconds, std::stop_token token) {
  MixStop stop{std::move(token)};
  if (timeLimitSeconds > 0) {
    stop.deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                       std::chrono::duration<double>(timeLimitSeconds));
  }
  return stop;
}

std::string stageNote(size_t stage, int64_t reachedNs, int64_t boundNs) {
  return fmt::format(
      "stage {}: recomputation adds {:.3f} ms to its work in a step; no plan adds less than {:.3f} "
      "ms",
      stage, static_cast<double>(reachedNs) / 1e6, static_cast<double>(boundNs) / 1e6);
}

}  // namespace

Result<Candidate> optCandidate(const profile::Profile& profile, const plan::Plan& skeleton,
                               double timeLimitSeconds, std::stop_token stop) {
  const MixStop mixStop = stopOf(timeLimitSeconds, stop);
  CARACAL_TRY(plus, heuPlusCandidate(profile, skeleton, stop));
  if (!plus.feasible()) return plus;
  const PipelineModel pipeline(profile, skeleton);
  MixedPlan mixed = mixStages(pipeline, plus, kThoroughMix, mixStop);
  Candidate& candidate = mixed.candidate;
  std::vector<int64_t> bounds;
  for (size_t s = 0; s < pipeline.size(); ++s) {
    const StageModel& model = pipeline.stage(s);
    const int64_t reachedNs = objectiveNs(model, pipeline.noGaps(s), mixed.times[s]);
    StageMix mix(model, pipeline.noGaps(s), pipeline.budgetBytes(), kThoroughMix, mixStop);
    bounds.push_back(mix.boundNs(reachedNs));
    if (reachedNs > 0) candidate.notes.push_back(stageNote(s, reachedNs, bounds.back()));
  }
  if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "planning cancelled");
  candidate.boundNs = pipeline.stepBoundNs(bounds);
  candidate.status = PlanStatus::kFeasible;
  if (mixStop.requested()) {
    candidate.status = PlanStatus::kTimeLimit;
    candidate.notes.push_back("the time limit ended the search; another run may end elsewhere");
  }
  if (candidate.stepNs == candidate.boundNs) candidate.status = PlanStatus::kOptimal;
  return std::move(candidate);
}

}  // namespace caracal::planner
