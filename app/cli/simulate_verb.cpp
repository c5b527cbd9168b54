// caracal simulate: the predicted step of a plan on a profile; with --trace as a file that every
// other verb and caracal-ui open like a recording.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/prediction.h"
#include "app/cli/verbs.h"
#include "core/base/format.h"
#include "core/recording/write_trace.h"

namespace caracal::cli {
namespace {

using nlohmann::ordered_json;

struct Options {
  std::string profile;
  std::string plan;
  std::string trace;
  bool json = false;
};

Result<ExitCode> runSimulate(const Options& options, Console& console) {
  const sim::TraceDetail detail =
      options.trace.empty() ? sim::TraceDetail::kNone : sim::TraceDetail::kOperators;
  CARACAL_TRY(prediction, predict(options.profile, options.plan, {detail}, console.stop));
  CARACAL_TRY(replay, planner::replayError(prediction.profile, console.stop));
  if (!options.trace.empty())
    CARACAL_CHECK_OK(recording::writeTrace(*prediction.result.trace, options.trace));
  if (options.json) {
    ordered_json document{{"schema", "caracal.simulate/1"},
                          {"status", prediction.result.fits ? "feasible" : "infeasible"},
                          {"policy", prediction.plan.policy},
                          {"profileTag", trace::name(prediction.profile.tag)}};
    document.update(predictionJson(prediction.result));
    // A prediction searches nothing and proves nothing: it stands beside `plan` with the same keys.
    document["boundNs"] = 0;
    document["searchSeconds"] = 0.0;
    document["replay"] = replayJson(replay);
    document["trace"] = options.trace;
    printJson(console, document);
  } else {
    console.out << fmt::format("plan {} on {} ({})\n", prediction.plan.policy,
                               prediction.profile.hardware, profileTagText(prediction.profile))
                << predictionText(prediction.result) << replayText(replay);
    if (!options.trace.empty()) console.out << "timeline written to " << options.trace << '\n';
  }
  return ExitCode::kOk;
}

}  // namespace

VerbRun declareSimulate(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("--profile", options->profile, "profile of the job")->required();
  command.add_option("--plan", options->plan, "plan to predict")->required();
  command.add_option("--trace", options->trace,
                     "write the predicted timeline here (SQLite, opens like a recording)");
  command.add_flag("--json", options->json, "print one JSON document");
  return [options](Console& console) { return runSimulate(*options, console); };
}

}  // namespace caracal::cli
