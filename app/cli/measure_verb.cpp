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

namespace caracal::cli {
namespace {

using nlohmann::ordered_json;

struct Options {
  std::string profile;
  std::string plan;
  std::string output;
  std::string clock;
  int steps = 4;
  bool json = false;
};

// caracal-run reports with one JSON object a line; a finished step carries "step".
void showProgress(std::string_view line, int steps, const Progress& progress) {
  const auto record = nlohmann::json::parse(line, nullptr, false);
  if (!record.is_object() || !record.contains("step") || !record["step"].is_number_integer())
    return;
  const int done = record["step"].get<int>() + 1;
  report(progress, static_cast<double>(done) / steps, fmt::format("step {} of {}", done, steps));
}

Result<ExitCode> runPlan(const Options& options, Console& console) {
  CARACAL_TRY(program, findProgram("caracal-run"));
  ProgramCall call{program,
                   {"--plan", options.plan, "--steps", std::to_string(options.steps), "--output",
                    options.output},
                   {}};
  if (!options.clock.empty())
    call.arguments.insert(call.arguments.end(), {"--clock", options.clock});
  ProgressLine line(console);
  const Progress progress = line.callback();
  CARACAL_TRY(code,
              runProgram(
                  call, [&](std::string_view text) { showProgress(text, options.steps, progress); },
                  console.stop));
  if (code != 0)
    return fail(ErrorCode::kIo, "caracal-run ended with exit code {}; see above", code);
  return ExitCode::kOk;
}

Result<ExitCode> runMeasure(const Options& options, Console& console) {
  CARACAL_TRY(prediction,
              predict(options.profile, options.plan, {sim::TraceDetail::kOperators}, console.stop));
  CARACAL_TRY(predicted, summarizePrediction(prediction));
  CARACAL_CHECK_OK(runPlan(options, console));
  CARACAL_TRY(measured, summarizePath(options.output, options.profile, console));
  const double errorPct = analysis::changePct(measured.stepNs, predicted.stepNs);
  if (options.json) {
    ordered_json document{{"schema", "caracal.measure/1"},
                          {"recording", options.output},
                          {"predictionErrorPct", errorPct}};
    document.update(comparisonJson(predicted, measured));
    printJson(console, document);
  } else {
    console.out << comparisonText(predicted, measured)
                << fmt::format(
                       "the prediction is off by {:+.1f} % of the measured step\nrecorded in {}\n",
                       errorPct, options.output);
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
