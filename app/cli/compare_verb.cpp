// caracal compare A B...: runs, plans or predictions side by side, with a gate for scripts.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/comparison.h"
#include "app/cli/run_source.h"
#include "app/cli/verbs.h"

namespace caracal::cli {
namespace {

using nlohmann::ordered_json;

constexpr double kNoGate = -1.0;

struct Options {
  std::vector<std::string> paths;
  std::string profile;
  double maxSlowerPct = kNoGate;
  bool json = false;
};

// The run that is slowest against the first, in percent.
double worstChange(const std::vector<analysis::RunSummary>& runs) {
  double worst = analysis::changePct(runs.front().stepNs, runs.back().stepNs);
  for (size_t i = 1; i < runs.size(); ++i) {
    worst = std::max(worst, analysis::changePct(runs.front().stepNs, runs[i].stepNs));
  }
  return worst;
}

// Not every run shows its steps: what all of them have is compared, the figures of their devices.
Result<ExitCode> compareDevices(const std::vector<ComparedRun>& compared, const Error& noSteps,
                                const Options& options, Console& console) {
  std::vector<DeviceRun> runs;
  for (size_t i = 0; i < compared.size(); ++i) {
    if (!compared[i].devices) {
      return fail(ErrorCode::kCannotAnswer,
                  "{} is a plan and cannot be set beside a trace without "
                  "steps; {}",
                  options.paths[i], noSteps.text());
    }
    runs.push_back(*compared[i].devices);
  }
  if (options.maxSlowerPct >= 0) return tl::unexpected(noSteps);
  if (options.json) {
    ordered_json document{{"schema", "caracal.compare/1"}, {"stepsMissing", noSteps.text()}};
    document.update(deviceComparisonJson(runs));
    printJson(console, document);
  } else {
    console.out << deviceComparisonText(runs) << "no steps to compare: " << noSteps.text() << '\n';
  }
  return ExitCode::kOk;
}

Result<ExitCode> runCompare(const Options& options, Console& console) {
  if (options.paths.size() < 2)
    return usageError(console, "compare needs at least two runs, plans or predictions");
  std::vector<ComparedRun> compared;
  for (const std::string& path : options.paths) {
    CARACAL_TRY(run, readRun(path, options.profile, console));
    compared.push_back(std::move(run));
  }
  std::vector<analysis::RunSummary> runs;
  for (const ComparedRun& run : compared) {
    if (!run.summary) return compareDevices(compared, run.summary.error(), options, console);
    runs.push_back(*run.summary);
  }
  const double worst = worstChange(runs);
  const bool gated = options.maxSlowerPct >= 0;
  const bool passed = !gated || worst <= options.maxSlowerPct;
  if (options.json) {
    ordered_json document{{"schema", "caracal.compare/1"}};
    document.update(comparisonJson(runs));
    if (gated) document["gate"] = {{"maxSlowerPct", options.maxSlowerPct}, {"passed", passed}};
    printJson(console, document);
  } else {
    console.out << comparisonText(runs);
    if (!passed) {
      console.out << fmt::format("gate failed: the step is {:.2f} % slower, {:.2f} % is allowed\n",
                                 worst, options.maxSlowerPct);
    }
  }
  return passed ? ExitCode::kOk : ExitCode::kGateFailed;
}

}  // namespace

VerbRun declareCompare(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("path", options->paths, "recordings, traces, predicted timelines or plans")
      ->required();
  command.add_option("--profile", options->profile, "profile that plans are simulated on");
  command
      .add_option("--max-slower", options->maxSlowerPct,
                  "gate: exit code 3 when a later step is slower than the first by more than this "
                  "many percent")
      ->check(CLI::NonNegativeNumber);
  command.add_flag("--json", options->json, "print one JSON document");
  return [options](Console& console) { return runCompare(*options, console); };
}

}  // namespace caracal::cli
