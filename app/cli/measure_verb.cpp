// caracal measure: runs a plan with caracal-run and sets what happened beside what was predicted;
// or plans, runs and compares several policies.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/comparison.h"
#include "app/cli/measured_policies.h"
#include "app/cli/prediction.h"
#include "app/cli/verbs.h"
#include "app/runs/measurement.h"
#include "app/runs/slice.h"
#include "core/planner/budget_text.h"
#include "core/profile/link_text.h"
#include "core/profile/profile_json.h"

namespace caracal::cli {
namespace {

using nlohmann::ordered_json;

struct Options {
  std::string profile;
  std::string plan;
  std::vector<std::string> policies;
  std::string budget;
  std::string output;
  std::string clock;
  std::string backend;
  int steps = 5;
  std::optional<int> rounds;  // of --policies; none: kRounds where there are several
  std::string tensorLink, pipelineLink, dataLink;  // empty: the profile's
  bool distributedOptimizer = false;
  bool processes = false;
  std::optional<std::string> slice;  // as runs::sliceShapeFromText()
  bool json = false;
};

Result<std::optional<profile::Link>> linkOf(const std::string& text) {
  if (text.empty()) return std::nullopt;
  CARACAL_TRY(link, profile::parseLink(text));
  return link;
}

Result<runs::MeasureJob> jobOf(const Options& options) {
  CARACAL_TRY(tensor, linkOf(options.tensorLink));
  CARACAL_TRY(pipeline, linkOf(options.pipelineLink));
  CARACAL_TRY(data, linkOf(options.dataLink));
  return runs::MeasureJob{
      options.profile,  options.plan, options.output, options.clock,   options.steps,
      tensor,           pipeline,     data,           options.backend, options.distributedOptimizer,
      options.processes};
}

// `cuts`: what a slice lacks of the plan; `replay`: of the run that the profile was made of.
void printMeasurement(const Options& options, const runs::Measurement& measurement,
                      const std::vector<std::string>& cuts,
                      const std::optional<planner::ReplayError>& replay, Console& console) {
  const double errorPct = runs::predictionErrorPct(measurement);
  if (options.json) {
    ordered_json document{{"schema", "caracal.measure/1"},
                          {"recording", options.output},
                          {"predictionErrorPct", errorPct},
                          {"replay", replayJson(replay)},
                          {"note", measurement.note},
                          {"slice", cuts},
                          {"links", linksJson(measurement.links)}};
    document.update(comparisonJson({measurement.predicted, measurement.measured}));
    document["passes"] = passesJson(measurement.passes);
    printJson(console, document);
    return;
  }
  for (const std::string& cut : cuts) console.out << "slice: " << cut << '\n';
  if (!cuts.empty())
    console.out << "these figures, predicted and measured, are the slice's, not the plan's\n";
  console.out << errorTableText(measurement) << linkText(measurement.links);
  if (!measurement.note.empty()) console.out << "mind: " << measurement.note << '\n';
  console.out << fmt::format("the prediction is off by {:+.1f} % of the measured step\n", errorPct)
              << replayText(replay) << "recorded in " << options.output << '\n';
}

Result<ExitCode> measurePlan(const Options& options, Console& console) {
  CARACAL_TRY(prediction, runs::predict(options.profile, options.plan,
                                        {sim::TraceDetail::kOperators}, console.stop));
  CARACAL_TRY(job, jobOf(options));
  ProgressLine line(console);
  if (options.slice || runs::needsSlice(prediction, options.backend)) {
    CARACAL_TRY(shape, runs::sliceShapeFromText(options.slice.value_or("")));
    CARACAL_TRY(sliced, runs::measureSlice(job, shape, watchOf(console, line)));
    printMeasurement(options, sliced.measurement, sliced.slice.cuts, std::nullopt, console);
    return ExitCode::kOk;
  }
  CARACAL_TRY(replay, planner::replayError(prediction.profile, console.stop));
  CARACAL_TRY(measurement, runs::measure(job, prediction, watchOf(console, line)));
  printMeasurement(options, measurement, {}, replay, console);
  return ExitCode::kOk;
}

Result<ExitCode> measureEach(const Options& options, Console& console) {
  constexpr int kRounds = 3;
  runs::PoliciesRequest request;
  request.profile = options.profile;
  request.policies = options.policies;
  request.folder = options.output;
  request.clock = options.clock;
  request.steps = options.steps;
  request.backend = options.backend;
  request.rounds = options.rounds.value_or(options.policies.size() > 1 ? kRounds : 1);
  if (!options.budget.empty()) {
    CARACAL_TRY(bytes, planner::parseBudget(options.budget));
    request.budgetBytes = bytes;
  }
  CARACAL_TRY(profile, profile::loadProfile(options.profile));
  CARACAL_TRY(replay, planner::replayError(profile, console.stop));
  ProgressLine line(console);
  CARACAL_TRY(measured, runs::measurePolicies(request, watchOf(console, line)));
  if (options.json) {
    ordered_json document{{"schema", "caracal.measuredPolicies/1"},
                          {"folder", options.output},
                          {"replay", replayJson(replay)}};
    document.update(measuredPoliciesJson(measured));
    printJson(console, document);
  } else {
    console.out << measuredPoliciesText(measured) << replayText(replay)
                << fmt::format("plans and recordings in {}\n", options.output);
  }
  return ExitCode::kOk;
}

Result<ExitCode> runMeasure(const Options& options, Console& console) {
  if (options.plan.empty() == options.policies.empty())
    return usageError(console, "measure takes either --plan or --policies");
  return options.plan.empty() ? measureEach(options, console) : measurePlan(options, console);
}

}  // namespace

VerbRun declareMeasure(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("--profile", options->profile, "profile the plan was made for")->required();
  auto* plan = command.add_option("--plan", options->plan, "plan to run");
  auto* policies =
      command
          .add_option("--policies", options->policies,
                      "policies to plan, run and set side by side, such as none,full,heu,heu+")
          ->delimiter(',')
          ->excludes(plan);
  command.add_option("--budget", options->budget, "memory per GPU for --policies, such as 40MiB")
      ->needs(policies);
  command
      .add_option("-o,--output", options->output,
                  "recording to write (SQLite); with --policies a folder")
      ->required();
  command
      .add_option("--clock", options->clock,
                  "wall or virtual (default: wall when there is a core for every rank)")
      ->check(CLI::IsMember({"wall", "virtual"}));
  command.add_option("--backend", options->backend, "what runs it: cpu or cuda")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  const auto addLink = [&](const char* name, const char* what, std::string& link) {
    command.add_option(name, link, what)->type_name("LATENCY,BANDWIDTH")->needs(plan);
  };
  addLink("--link-tensor", "link inside tensor-parallel groups, instead of the profile's",
          options->tensorLink);
  addLink("--link-pipeline", "link between stages, instead of the profile's",
          options->pipelineLink);
  addLink("--link-data", "link between data-parallel replicas, instead of the profile's",
          options->dataLink);
  command
      .add_option(
          "--slice", options->slice,
          "measure a scaled slice of the plan: fewer stages, layers and ranks, profiled and "
          "predicted on this machine first (by itself where the plan is too large for it)")
      ->type_name("[stages=N,layers=N,tensor=N,microbatches=N]")
      ->expected(0, 1)
      ->needs(plan);
  command
      .add_flag("--distributed-optimizer", options->distributedOptimizer,
                "replicas share the optimizer's state, as in the run that the profile is from")
      ->needs(plan);
  command
      .add_flag("--processes", options->processes,
                "ranks are processes under mpirun, not threads of one process")
      ->needs(plan);
  command
      .add_option("--steps", options->steps,
                  "training steps; of each policy, shared out among the rounds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      .add_option("--rounds", options->rounds,
                  "policies take turns this often, so that a machine's drift meets all alike "
                  "(default: 3 for several policies; the first step of a round warms up)")
      ->check(CLI::PositiveNumber)
      ->needs(policies);
  command.add_flag("--json", options->json, "print one JSON document");
  return [options](Console& console) { return runMeasure(*options, console); };
}

}  // namespace caracal::cli
