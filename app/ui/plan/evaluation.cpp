#include "app/ui/plan/evaluation.h"

#include "core/plan/program.h"

namespace caracal::ui {
namespace {

// Items of a step that are simulated and traced well under a tenth of a second.
constexpr int64_t kMostTracedItems = 60'000;

}  // namespace

Result<Evaluation> evaluatePlan(const profile::Profile& profile, const plan::Plan& plan,
                                const Evaluation* before, std::stop_token stop) {
  Evaluation evaluation;
  if (before != nullptr)
    evaluation.replay = before->replay;
  else if (const auto replay = planner::replayError(profile, stop))
    evaluation.replay = *replay;
  if (const auto valid = plan::validate(profile, plan); !valid) {
    evaluation.problem = valid.error().text();
    return evaluation;
  }
  sim::SimOptions options;
  options.detail = plan::leastItems(profile) <= kMostTracedItems ? sim::TraceDetail::kOperators
                                                                 : sim::TraceDetail::kPasses;
  auto result = sim::simulate(profile, plan, options, stop);
  if (!result) {
    if (result.error().code == ErrorCode::kCancelled) return tl::unexpected(result.error());
    evaluation.problem = result.error().text();
    return evaluation;
  }
  evaluation.result = std::move(*result);
  return evaluation;
}

}  // namespace caracal::ui
