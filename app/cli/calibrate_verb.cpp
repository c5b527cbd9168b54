// caracal calibrate: constants of the hardware that recordings ran on, for profiles of other
// models; without recordings it makes two of its own.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/verbs.h"
#include "app/runs/calibration_runs.h"
#include "core/analysis/run_summary.h"
#include "core/base/files.h"
#include "core/base/format.h"

namespace caracal::cli {
namespace {

using nlohmann::ordered_json;
using profile::Calibration;

struct Options {
  std::vector<std::string> recordings;
  std::string model = "demo-gpt";
  std::string clock;
  std::string backend;
  std::string output;
  int steps = 5;
  bool json = false;
};

std::string slowDownText(const std::vector<profile::SlowDown>& slowDowns,
                         std::string_view besideWhat) {
  if (slowDowns.empty())
    return fmt::format("nothing ran both beside {} and clear of them\n", besideWhat);
  TextTable table{{fmt::format("beside {}", besideWhat), "times as long", "samples"}, {}};
  for (const profile::SlowDown& slowDown : slowDowns) {
    table.rows.push_back(
        {slowDown.of, fmt::format("{:.3f}", slowDown.factor), std::to_string(slowDown.samples)});
  }
  return table.render();
}

std::string linkText(std::string_view name, const profile::Link& link) {
  return fmt::format("{}: {} + bytes / {:.3g} GB/s\n", name, formatDuration(link.latencyNs),
                     link.bytesPerSecond / 1e9);
}

std::string textOf(const Calibration& calibration) {
  const profile::Hardware& hardware = calibration.hardware;
  TextTable operators{{"operator", "measured", "from the constants", "error"}, {}};
  for (const profile::FittedOperator& op : calibration.operators) {
    operators.rows.push_back(
        {op.id, formatDuration(op.measuredNs), formatDuration(op.fittedNs),
         fmt::format("{:+.0f} %", analysis::changePct(op.measuredNs, op.fittedNs))});
  }
  return fmt::format(
             "{}\nmatrix products {:.3g} GFLOP/s, of which {} are reached together\n"
             "other operators {:.3g} GB/s, of which {} are reached together\n"
             "floor of any operator {}\n",
             hardware.name, hardware.matrixFlops / 1e9,
             formatPercent(100 * hardware.matrixEfficiency), hardware.memoryBytesPerSecond / 1e9,
             formatPercent(100 * hardware.memoryEfficiency), formatDuration(hardware.launchNs)) +
         linkText("tensor-parallel link", hardware.tensorLink) +
         linkText("link between stages", hardware.pipelineLink) + "\n" + operators.render() + "\n" +
         slowDownText(calibration.operatorsBeside, "collectives") +
         slowDownText(calibration.collectivesBeside, "operators") +
         fmt::format("kappa {:.3f}, rho {:.3f}\n", hardware.kappa, hardware.rho);
}

ordered_json slowDownJson(const std::vector<profile::SlowDown>& slowDowns) {
  ordered_json rows = ordered_json::array();
  for (const profile::SlowDown& slowDown : slowDowns) {
    rows.push_back(
        {{"of", slowDown.of}, {"factor", slowDown.factor}, {"samples", slowDown.samples}});
  }
  return rows;
}

ordered_json jsonOf(const Calibration& calibration, const Options& options) {
  ordered_json operators = ordered_json::array();
  for (const profile::FittedOperator& op : calibration.operators) {
    operators.push_back({{"id", op.id}, {"measuredNs", op.measuredNs}, {"fittedNs", op.fittedNs}});
  }
  return {{"schema", "caracal.calibrate/1"},
          {"output", options.output},
          {"hardware", ordered_json::parse(profile::toJson(calibration))},
          {"operators", std::move(operators)},
          {"operatorsBeside", slowDownJson(calibration.operatorsBeside)},
          {"collectivesBeside", slowDownJson(calibration.collectivesBeside)}};
}

Result<ExitCode> runCalibrate(const Options& options, Console& console) {
  ProgressLine line(console);
  const runs::Watch watch = watchOf(console, line);
  std::vector<std::string> paths = options.recordings;
  if (paths.empty()) {
    CARACAL_TRY(recorded,
                runs::recordForCalibration({options.output + ".runs", options.model, options.clock,
                                            options.steps, options.backend},
                                           watch));
    paths = std::move(recorded);
  }
  CARACAL_TRY(calibration, runs::calibrateFrom(paths, watch));
  CARACAL_CHECK_OK(writeTextFile(options.output, profile::toJson(calibration)));
  if (options.json) {
    printJson(console, jsonOf(calibration, options));
    return ExitCode::kOk;
  }
  console.out << textOf(calibration)
              << fmt::format("\nwritten to {}; name it as \"gpu\" in a model description\n",
                             options.output);
  return ExitCode::kOk;
}

}  // namespace

VerbRun declareCalibrate(CLI::App& command) {
  auto options = std::make_shared<Options>();
  auto* recordings = command.add_option(
      "recording", options->recordings,
      "recordings of caracal-run on one machine; left out: two short runs are made");
  command.add_option("-o,--output", options->output, "hardware constants to write (JSON)")
      ->required();
  command.add_option("--model", options->model, "model of the runs that are made")
      ->capture_default_str()
      ->excludes(recordings);
  command.add_option("--clock", options->clock, "clock of those runs: wall or virtual")
      ->check(CLI::IsMember({"wall", "virtual"}))
      ->excludes(recordings);
  command.add_option("--backend", options->backend, "what runs them: cpu or cuda")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->excludes(recordings);
  command.add_option("--steps", options->steps, "training steps of each")
      ->check(CLI::Range(2, 1'000'000))
      ->capture_default_str();
  command.add_flag("--json", options->json, "print one JSON document");
  return [options](Console& console) { return runCalibrate(*options, console); };
}

}  // namespace caracal::cli
