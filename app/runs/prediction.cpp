#include "app/runs/prediction.h"

#include "core/plan/plan_json.h"
#include "core/profile/profile_json.h"

namespace caracal::runs {

Result<Prediction> predict(const std::string& profilePath, const std::string& planPath,
                           const sim::SimOptions& options, std::stop_token stop) {
  CARACAL_TRY(profile, profile::loadProfile(profilePath));
  CARACAL_TRY(plan, plan::loadPlan(planPath, profile));
  if (auto valid = plan::validate(profile, plan); !valid)
    return tl::unexpected(at(valid.error(), planPath));
  CARACAL_TRY(result, sim::simulate(profile, plan, options, stop));
  return Prediction{profile, plan, result};
}

analysis::RunSummary summarizePrediction(const Prediction& prediction,
                                         const analysis::StepModel& model) {
  analysis::RunSummary run = analysis::summarizeRun(*prediction.result.trace, model);
  run.name = prediction.plan.policy;
  run.hardware = prediction.profile.hardware;
  run.planHash = plan::hashOf(prediction.plan);
  return run;
}

Result<analysis::RunSummary> summarizePrediction(const Prediction& prediction) {
  CARACAL_TRY(model, analysis::buildStepModel(*prediction.result.trace));
  return summarizePrediction(prediction, model);
}

}  // namespace caracal::runs
