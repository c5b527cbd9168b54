// caracal plan: a plan for a profile by a policy, under a memory budget, with its simulated step.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/layer_list.h"
#include "app/cli/prediction.h"
#include "app/cli/verbs.h"
#include "core/base/format.h"
#include "core/plan/plan_json.h"
#include "core/planner/policy.h"
#include "core/profile/profile_json.h"
#include "core/sim/simulator.h"

namespace caracal::cli {
namespace {

using nlohmann::ordered_json;
using planner::PlanOutcome;
using planner::PlanRequest;
using planner::PlanStatus;

struct Options {
  std::string profile;
  std::string policy = "heu+";
  std::string budget;
  std::string partition = "even";
  std::string output;
  bool json = false;
};

struct Answer {
  profile::Profile profile;
  PlanOutcome outcome;
  sim::SimResult prediction;
  std::optional<planner::ReplayError> replay;
};

Result<PlanRequest> requestOf(const Options& options) {
  PlanRequest request;
  request.policy = options.policy;
  if (!options.budget.empty()) {
    request.budgetBytes = parseBytes(options.budget);
    if (request.budgetBytes <= 0) {
      return fail(ErrorCode::kInvalidInput, "'{}' is not a size such as 4GiB or 800MB",
                  options.budget);
    }
  }
  if (options.partition == "greedy") {
    request.partition = planner::PartitionMode::kGreedy;
  } else if (options.partition != "even") {
    CARACAL_TRY(layers, parseLayerList(options.partition));
    request.partition = planner::PartitionMode::kGiven;
    request.layersOfStage = layers;
  }
  return request;
}

// What does not fit is shown, but never left behind as a file that a script would go on with.
bool written(const Answer& answer, const Options& options) {
  return answer.outcome.status != PlanStatus::kInfeasible && !options.output.empty();
}

ordered_json toJson(const Answer& answer, const Options& options) {
  const PlanOutcome& outcome = answer.outcome;
  ordered_json document{{"schema", "caracal.plan/1"},
                        {"status", planner::name(outcome.status)},
                        {"policy", outcome.plan.policy},
                        {"partition", outcome.plan.partition()}};
  document.update(predictionJson(answer.prediction));
  document.update(
      ordered_json{{"boundNs", outcome.boundNs},
                   {"searchSeconds", outcome.searchSeconds},
                   {"smallestBudgetBytes", outcome.smallestBudgetBytes},
                   {"tightestStage", outcome.tightestStage},
                   {"notes", outcome.notes},
                   {"planHash", plan::hashOf(outcome.plan)},
                   {"output", written(answer, options) ? ordered_json(options.output) : nullptr},
                   {"document", ordered_json::parse(plan::toJson(outcome.plan, answer.profile))}});
  return document;
}

std::string infeasibleText(const PlanOutcome& outcome, const Options& options) {
  std::string text = fmt::format("infeasible: no plan of policy {} fits", outcome.plan.policy);
  if (!options.budget.empty()) text += " into " + options.budget;
  if (outcome.smallestBudgetBytes > 0) {
    text += fmt::format("; the smallest budget that would is {} ({} bytes)",
                        formatBytes(outcome.smallestBudgetBytes), outcome.smallestBudgetBytes);
  }
  if (outcome.tightestStage >= 0) text += fmt::format(", for stage {}", outcome.tightestStage);
  return text + '\n';
}

void print(const Answer& answer, const Options& options, Console& console) {
  const PlanOutcome& outcome = answer.outcome;
  console.out << fmt::format("policy {}, {} in {:.3f} s", outcome.plan.policy,
                             planner::name(outcome.status), outcome.searchSeconds);
  if (outcome.boundNs > 0) {
    const double gap = answer.prediction.stepNs > 0
                           ? 100.0 *
                                 static_cast<double>(answer.prediction.stepNs - outcome.boundNs) /
                                 static_cast<double>(answer.prediction.stepNs)
                           : 0.0;
    console.out << fmt::format("; no plan like it steps under {} (gap {})",
                               formatDuration(outcome.boundNs), formatPercent(gap));
  }
  console.out << '\n' << predictionText(answer.prediction) << replayText(answer.replay);
  for (const std::string& note : outcome.notes) console.out << "note: " << note << '\n';
  if (outcome.status == PlanStatus::kInfeasible) console.out << infeasibleText(outcome, options);
  if (written(answer, options)) {
    console.out << "written to " << options.output << '\n';
  } else if (!options.output.empty()) {
    console.out << options.output << " was not written\n";
  }
}

Result<ExitCode> runPlan(const Options& options, Console& console) {
  CARACAL_TRY(profile, profile::loadProfile(options.profile));
  const auto request = requestOf(options);
  if (!request) return usageError(console, request.error().text());
  ProgressLine line(console);
  auto made = planner::makePlan(profile, *request, console.stop, line.callback());
  if (!made && made.error().code == ErrorCode::kInvalidInput)
    return usageError(console, made.error().text());
  CARACAL_TRY(outcome, std::move(made));
  CARACAL_TRY(prediction, sim::simulate(profile, outcome.plan, {}, console.stop));
  CARACAL_TRY(replay, planner::replayError(profile, console.stop));
  const Answer answer{profile, outcome, prediction, replay};
  if (written(answer, options)) {
    CARACAL_CHECK_OK(plan::savePlan(outcome.plan, profile, options.output));
  }
  if (options.json) {
    printJson(console, toJson(answer, options));
  } else {
    print(answer, options, console);
  }
  return outcome.status == PlanStatus::kInfeasible ? ExitCode::kCannotAnswer : ExitCode::kOk;
}

std::string policyHelp() {
  std::string text = "what is kept and what is recomputed:";
  for (const planner::PolicyInfo& policy : planner::policies()) {
    text += fmt::format("\n  {}: {}", policy.name, policy.description);
  }
  return text;
}

}  // namespace

VerbRun declarePlan(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("--profile", options->profile, "profile of the job")->required();
  command.add_option("--policy", options->policy, policyHelp())->capture_default_str();
  command.add_option("--budget", options->budget,
                     "memory per GPU, as 4GiB (default: the device's, or no limit when unknown)");
  command
      .add_option("--partition", options->partition,
                  "layers of the stages: even, greedy, or 4,4,3,3")
      ->capture_default_str();
  command.add_option("-o,--output", options->output, "write the plan here");
  command.add_flag("--json", options->json, "print one JSON document");
  return [options](Console& console) { return runPlan(*options, console); };
}

}  // namespace caracal::cli
