// caracal plan: a plan for a profile by a policy, under a memory budget, with its simulated step;
// or every policy side by side, or the Pareto front of memory against time.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/cli/layer_list.h"
#include "app/cli/plan_verb_tables.h"
#include "app/cli/prediction.h"
#include "app/cli/verbs.h"
#include "core/base/files.h"
#include "core/base/format.h"
#include "core/plan/plan_json.h"
#include "core/planner/budget_text.h"
#include "core/planner/explain.h"
#include "core/planner/pareto.h"
#include "core/planner/policy.h"
#include "core/planner/policy_comparison.h"
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
  std::string schedule;
  double timeLimitSeconds = 0;
  bool offload = false;
  bool pareto = false;
  bool compare = false;
  bool explain = false;
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
  request.schedule = options.schedule;
  request.timeLimitSeconds = options.timeLimitSeconds;
  request.offload = options.offload;
  if (!options.budget.empty()) {
    CARACAL_TRY(bytes, planner::parseBudget(options.budget));
    request.budgetBytes = bytes;
  }
  if (const auto mode = planner::partitionModeFromName(options.partition)) {
    request.partition = *mode;
    return request;
  }
  if (options.partition.find_first_of("0123456789") == std::string::npos) {
    return fail(ErrorCode::kInvalidInput,
                "'{}' is no partition; write even, greedy, dp, search, or layer counts such as "
                "4,4,3,3",
                options.partition);
  }
  CARACAL_TRY(layers, parseLayerList(options.partition));
  request.partition = planner::PartitionMode::kGiven;
  request.layersOfStage = layers;
  return request;
}

// What does not fit is shown, but never left behind as a file that a script would go on with.
bool written(const Answer& answer, const Options& options) {
  return answer.outcome.status != PlanStatus::kInfeasible && !options.output.empty();
}

ordered_json toJson(const Answer& answer, const Options& options) {
  const PlanOutcome& outcome = answer.outcome;
  const std::optional<double> gap = planner::gapOf(outcome);
  ordered_json document{{"schema", "caracal.plan/1"},
                        {"status", planner::name(outcome.status)},
                        {"policy", outcome.plan.policy},
                        {"partition", outcome.plan.partition()}};
  document.update(predictionJson(answer.prediction));
  document.update(
      ordered_json{{"boundNs", outcome.boundNs},
                   {"gap", gap ? ordered_json(*gap) : nullptr},
                   {"searchSeconds", outcome.searchSeconds},
                   {"smallestBudgetBytes", outcome.smallestBudgetBytes},
                   {"tightestStage", outcome.tightestStage},
                   {"notes", outcome.notes},
                   {"replay", replayJson(answer.replay)},
                   {"planHash", plan::hashOf(outcome.plan)},
                   {"output", written(answer, options) ? ordered_json(options.output) : nullptr},
                   {"document", ordered_json::parse(plan::toJson(outcome.plan, answer.profile))}});
  if (options.explain) {
    document["explanation"] =
        explanationJson(planner::explain(answer.profile, outcome.plan, answer.prediction));
  }
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
  if (const std::optional<double> gap = planner::gapOf(outcome)) {
    console.out << fmt::format("; no plan like it steps under {} (gap {})",
                               formatDuration(outcome.boundNs), formatPercent(100 * *gap));
  }
  console.out << '\n' << predictionText(answer.prediction) << replayText(answer.replay);
  for (const std::string& note : outcome.notes) console.out << "note: " << note << '\n';
  if (options.explain) {
    console.out << '\n'
                << explanationText(
                       planner::explain(answer.profile, outcome.plan, answer.prediction))
                << '\n';
  }
  if (outcome.status == PlanStatus::kInfeasible) console.out << infeasibleText(outcome, options);
  if (written(answer, options)) {
    console.out << "written to " << options.output << '\n';
  } else if (!options.output.empty()) {
    console.out << options.output << " was not written\n";
  }
}

Result<ExitCode> runOne(const profile::Profile& profile, const PlanRequest& request,
                        const Options& options, Console& console) {
  std::optional<ProgressLine> line(std::in_place, console);
  CARACAL_TRY(outcome, planner::makePlan(profile, request, console.stop, line->callback()));
  line.reset();
  // A search that was interrupted has a plan all the same.
  CARACAL_TRY(prediction, sim::simulate(profile, outcome.plan));
  CARACAL_TRY(replay, planner::replayError(profile));
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

Result<ExitCode> runCompare(const profile::Profile& profile, const PlanRequest& request,
                            const Options& options, Console& console) {
  std::optional<ProgressLine> line(std::in_place, console);
  CARACAL_TRY(comparison,
              planner::comparePolicies(profile, request, console.stop, line->callback()));
  line.reset();
  CARACAL_TRY(replay, planner::replayError(profile));
  if (options.json) {
    printJson(console, {{"schema", "caracal.plan-comparison/1"},
                        {"profile", profile.name},
                        {"profileTag", trace::name(profile.tag)},
                        {"budgetBytes", request.budgetBytes > 0 ? request.budgetBytes
                                                                : profile.memory.capacityBytes},
                        {"complete", comparison.complete},
                        {"policies", comparisonJson(comparison.rows)},
                        {"replay", replayJson(replay)}});
  } else {
    console.out << comparisonText(comparison.rows) << replayText(replay);
    if (!comparison.complete) console.out << "stopped: the other policies were not planned\n";
  }
  return ExitCode::kOk;
}

Result<ExitCode> runPareto(const profile::Profile& profile, const PlanRequest& request,
                           const Options& options, Console& console) {
  std::optional<ProgressLine> line(std::in_place, console);
  CARACAL_TRY(front, planner::paretoFront(profile, request, {}, console.stop, line->callback()));
  line.reset();
  const std::string document = planner::toJson(front, profile);
  if (!options.output.empty()) CARACAL_CHECK_OK(writeTextFile(options.output, document));
  CARACAL_TRY(replay, planner::replayError(profile));
  console.out << (options.json ? document : paretoText(front, profile) + replayText(replay));
  if (!front.complete && !options.json)
    console.out << "stopped: the other budgets were not planned\n";
  if (!options.json && !options.output.empty())
    console.out << "written to " << options.output << '\n';
  return ExitCode::kOk;
}

Result<ExitCode> runPlan(const Options& options, Console& console) {
  if (options.pareto + options.compare + options.explain > 1)
    return usageError(console, "--pareto, --compare and --explain are three questions; ask one");
  if (options.compare && !options.output.empty())
    return usageError(console, "--compare writes no plan; plan the policy that you choose with -o");
  if (options.pareto && !options.budget.empty())
    return usageError(console, "--pareto sweeps all budgets; leave --budget away");
  const auto request = requestOf(options);
  if (!request) return usageError(console, request.error().text());
  CARACAL_TRY(profile, profile::loadProfile(options.profile));
  auto exitCode = options.pareto    ? runPareto(profile, *request, options, console)
                  : options.compare ? runCompare(profile, *request, options, console)
                                    : runOne(profile, *request, options, console);
  if (!exitCode && exitCode.error().code == ErrorCode::kInvalidInput)
    return usageError(console, exitCode.error().text());
  return exitCode;
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
      .add_option(
          "--partition", options->partition,
          "layers of the stages: even; greedy, moving single layers; dp, the fastest slowest "
          "stage; search, the shortest simulated step; or counts such as 4,4,3,3")
      ->capture_default_str();
  command.add_option("--schedule", options->schedule,
                     "pipeline schedule (default: that of the profile)");
  command
      .add_option("--time-limit", options->timeLimitSeconds,
                  "seconds after which a long search returns what it has (default: limits that "
                  "give the same plan on every machine)")
      ->check(CLI::NonNegativeNumber);
  command.add_flag("--pareto", options->pareto,
                   "sweep budgets: peak memory against step time; -o writes caracal.pareto/1");
  command.add_flag("--compare", options->compare, "every policy side by side");
  command.add_flag("--offload", options->offload,
                   "may put tensors into host memory, where that makes the step shorter");
  command.add_flag("--explain", options->explain,
                   "why each tensor is kept or rebuilt where it is, and what limits the plan");
  command.add_option("-o,--output", options->output, "write the plan here");
  command.add_flag("--json", options->json, "print one JSON document");
  return [options](Console& console) { return runPlan(*options, console); };
}

}  // namespace caracal::cli
