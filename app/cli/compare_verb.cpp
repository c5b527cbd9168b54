// caracal compare A B: two runs, plans or predictions side by side, with a gate for scripts.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
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
  std::string first;
  std::string second;
  std::string profile;
  double maxSlowerPct = kNoGate;
  bool json = false;
};

Result<ExitCode> runCompare(const Options& options, Console& console) {
  CARACAL_TRY(first, summarizePath(options.first, options.profile, console));
  CARACAL_TRY(second, summarizePath(options.second, options.profile, console));
  const double change = analysis::changePct(first.stepNs, second.stepNs);
  const bool gated = options.maxSlowerPct >= 0;
  const bool passed = !gated || change <= options.maxSlowerPct;
  if (options.json) {
    ordered_json document{{"schema", "caracal.compare/1"}};
    document.update(comparisonJson(first, second));
    if (gated) document["gate"] = {{"maxSlowerPct", options.maxSlowerPct}, {"passed", passed}};
    printJson(console, document);
  } else {
    console.out << comparisonText(first, second);
    if (!passed) {
      console.out << fmt::format("gate failed: the step is {:.2f} % slower, {:.2f} % is allowed\n",
                                 change, options.maxSlowerPct);
    }
  }
  return passed ? ExitCode::kOk : ExitCode::kGateFailed;
}

}  // namespace

VerbRun declareCompare(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("first", options->first, "recording, trace, predicted timeline or plan")
      ->required();
  command.add_option("second", options->second, "what to set beside it")->required();
  command.add_option("--profile", options->profile, "profile that plans are simulated on");
  command
      .add_option("--max-slower", options->maxSlowerPct,
                  "gate: exit code 3 when the second step is slower by more than this many percent")
      ->check(CLI::NonNegativeNumber);
  command.add_flag("--json", options->json, "print one JSON document");
  return [options](Console& console) { return runCompare(*options, console); };
}

}  // namespace caracal::cli
