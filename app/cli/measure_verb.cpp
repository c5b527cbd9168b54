// caracal measure: runs a plan with caracal-run and sets what happened beside what was predicted.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/comparison.h"
#include "app/cli/load.h"
#include "app/cli/program.h"
#include "app/cli/run_source.h"
#include "app/cli/verbs.h"
#include "core/profile/profile_from_trace.h"
#include "core/profile/profile_json.h"

namespace caracal::cli {
namespace {

using analysis::RunSummary;
using nlohmann::ordered_json;

struct Options {
  std::string profile;
  std::string plan;
  std::string output;
  std::string clock;
  int steps = 5;
  bool json = false;
};

// Measured and predicted on the same hardware; `note` says how the prediction came to be when it is
// not the plan's own.
struct Measurement {
  RunSummary predicted;
  RunSummary measured;
  std::string note;
};

std::string linkArgument(const profile::Link& link) {
  return fmt::format("{}ns,{:.0f}B/s", link.latencyNs, link.bytesPerSecond);
}

// The run's links are those of the profile, so that prediction and run speak of one machine.
std::vector<std::string> runArguments(const Options& options, const profile::Profile& profile) {
  std::vector<std::string> arguments{"--plan",        options.plan,  "--profile",
                                     options.profile, "--steps",     std::to_string(options.steps),
                                     "--record",      options.output};
  if (!options.clock.empty()) arguments.insert(arguments.end(), {"--clock", options.clock});
  const auto addLink = [&](const char* name, const profile::Link& link) {
    if (link.bytesPerSecond > 0) arguments.insert(arguments.end(), {name, linkArgument(link)});
  };
  addLink("--link-tensor", profile.tensorLink);
  addLink("--link-pipeline", profile.pipelineLink);
  addLink("--link-data", profile.dataLink);
  return arguments;
}

// caracal-run reports with one JSON object a line; a finished step is {"event": "step", "step": n,
// ...}.
void showProgress(std::string_view line, int steps, const Progress& progress, Console& console) {
  const auto record = nlohmann::json::parse(line, nullptr, false);
  if (!record.is_object()) return;
  const std::string event = record.value("event", "");
  if (event == "warning") warn(console, record.value("message", ""));
  if (event != "step") return;
  const int done = record.value("step", 0) + 1;
  report(progress, static_cast<double>(done) / steps,
         fmt::format("step {} of {}, loss {:.3f}", done, steps, record.value("loss", 0.0)));
}

Result<void> train(const Options& options, const profile::Profile& profile, Console& console) {
  CARACAL_TRY(program, findProgram("caracal-run"));
  ProgressLine line(console);
  const Progress progress = line.callback();
  const auto onLine = [&](std::string_view text) {
    showProgress(text, options.steps, progress, console);
  };
  CARACAL_TRY(code,
              runProgram({program, runArguments(options, profile), {}}, onLine, console.stop));
  if (code != 0) return fail(ErrorCode::kIo, "caracal-run ended with exit code {}", code);
  return {};
}

// Only like is compared with like: a plan made for other hardware is predicted again with operator
// times of the run itself.
Result<Measurement> onThisHardware(const trace::Trace& recording, const analysis::StepModel& steps,
                                   const Prediction& prediction, Measurement measurement) {
  CARACAL_TRY(profile, profile::profileFromRecording(recording, steps));
  plan::Plan plan = prediction.plan;
  plan.profileHash = profile::hashOf(profile);
  CARACAL_TRY(result, sim::simulate(profile, plan, {sim::TraceDetail::kOperators}));
  CARACAL_TRY(predicted, summarizePrediction({profile, plan, result}));
  measurement.predicted = predicted;
  measurement.note = fmt::format(
      "the profile is of {}; this ran on {}, so the prediction was made again from this run's own "
      "operator times",
      prediction.profile.hardware, measurement.measured.hardware);
  return measurement;
}

Result<Measurement> measurementOf(const Options& options, const Prediction& prediction,
                                  Console& console) {
  CARACAL_TRY(predicted, summarizePrediction(prediction));
  CARACAL_TRY(loaded, loadRun({options.output}, console));
  CARACAL_TRY(steps, analysis::buildStepModel(*loaded.trace));
  Measurement measurement{predicted, analysis::summarizeRun(*loaded.trace, steps), {}};
  const std::string& hardware = measurement.measured.hardware;
  if (hardware.empty() || hardware == prediction.profile.hardware) return measurement;
  return onThisHardware(*loaded.trace, steps, prediction, measurement);
}

Result<ExitCode> runMeasure(const Options& options, Console& console) {
  CARACAL_TRY(prediction,
              predict(options.profile, options.plan, {sim::TraceDetail::kOperators}, console.stop));
  CARACAL_CHECK_OK(train(options, prediction.profile, console));
  CARACAL_TRY(measurement, measurementOf(options, prediction, console));
  const auto& [predicted, measured, note] = measurement;
  const double errorPct = analysis::changePct(measured.stepNs, predicted.stepNs);
  if (options.json) {
    ordered_json document{{"schema", "caracal.measure/1"},
                          {"recording", options.output},
                          {"predictionErrorPct", errorPct},
                          {"note", note}};
    document.update(comparisonJson({predicted, measured}));
    printJson(console, document);
  } else {
    console.out << comparisonText({predicted, measured});
    if (!note.empty()) console.out << "mind: " << note << '\n';
    console.out << fmt::format(
        "the prediction is off by {:+.1f} % of the measured step\nrecorded in {}\n", errorPct,
        options.output);
  }
  return ExitCode::kOk;
}

}  // namespace

VerbRun declareMeasure(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("--profile", options->profile, "profile the plan was made for")->required();
  command.add_option("--plan", options->plan, "plan to run")->required();
  command.add_option("-o,--output", options->output, "recording to write (SQLite)")->required();
  command
      .add_option("--clock", options->clock,
                  "wall or virtual (default: wall when there is a core for every rank)")
      ->check(CLI::IsMember({"wall", "virtual"}));
  command.add_option("--steps", options->steps, "training steps")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_flag("--json", options->json, "print one JSON document");
  return [options](Console& console) { return runMeasure(*options, console); };
}

}  // namespace caracal::cli
