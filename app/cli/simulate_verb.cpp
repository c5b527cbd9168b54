// caracal simulate: the predicted step of a plan on a profile; with --trace as a file that every
// other verb and caracal-ui open like a recording.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/cli/prediction.h"
#include "app/cli/verbs.h"
#include "core/base/format.h"
#include "core/recording/write_trace.h"
#include "core/sim/what_if.h"

namespace caracal::cli {
namespace {

using nlohmann::ordered_json;

struct Options {
  std::string profile;
  std::string plan;
  std::string trace;
  std::vector<std::string> whatIfs;
  bool json = false;
};

struct Supposed {
  std::vector<sim::WhatIf> whatIfs;
  Prediction prediction;  // of the plan on the profile as it would be
};

Result<Supposed> suppose(const Prediction& plain, const std::vector<std::string>& texts,
                         const sim::SimOptions& simOptions, std::stop_token stop) {
  Supposed supposed{{}, plain};
  for (const std::string& text : texts) {
    CARACAL_TRY(whatIf, sim::whatIfFromText(text));
    supposed.whatIfs.push_back(whatIf);
    supposed.prediction.profile = applied(whatIf, std::move(supposed.prediction.profile));
  }
  Prediction& prediction = supposed.prediction;
  CARACAL_TRY(result, sim::simulate(prediction.profile, prediction.plan, simOptions, stop));
  for (const sim::WhatIf& whatIf : supposed.whatIfs) result = applied(whatIf, std::move(result));
  prediction.result = std::move(result);
  return supposed;
}

// Steps may hold different numbers of samples, so a sample's time is what can be compared.
double nsPerSample(const Prediction& prediction) {
  const profile::ParallelShape& parallel = prediction.profile.parallel;
  const double samples = static_cast<double>(parallel.microBatches) * parallel.data *
                         static_cast<double>(prediction.profile.model.microBatchSize);
  return static_cast<double>(prediction.result.stepNs) / samples;
}

ordered_json whatIfJson(const Supposed& supposed, const Prediction& plain) {
  ordered_json list = ordered_json::array();
  for (const sim::WhatIf& whatIf : supposed.whatIfs) {
    list.push_back({{"name", whatIf.info->name},
                    {"value", whatIf.value},
                    {"model", whatIf.info->model},
                    {"source", whatIf.info->source}});
  }
  return {{"tag", "estimated"},
          {"assumed", list},
          {"nsPerSample", nsPerSample(supposed.prediction)},
          {"without",
           {{"stepNs", plain.result.stepNs},
            {"nsPerSample", nsPerSample(plain)},
            {"fits", plain.result.fits}}}};
}

std::string whatIfText(const Supposed& supposed, const Prediction& plain) {
  std::string text;
  for (const sim::WhatIf& whatIf : supposed.whatIfs) {
    text += fmt::format("what if {}", whatIf.info->name);
    if (!whatIf.info->meaning.empty())
      text += fmt::format(" = {} {}", whatIf.value, whatIf.info->meaning);
    text += fmt::format(" (estimated)\n  {}\n  {}\n", whatIf.info->model, whatIf.info->source);
  }
  const double without = nsPerSample(plain), with = nsPerSample(supposed.prediction);
  return text + fmt::format(
                    "a sample takes {} instead of {} ({:+.1f} %, estimated); below, the step "
                    "with it\n",
                    formatDuration(std::llround(with)), formatDuration(std::llround(without)),
                    100 * (with - without) / without);
}

Result<ExitCode> runSimulate(const Options& options, Console& console) {
  const sim::SimOptions simOptions{options.trace.empty() ? sim::TraceDetail::kNone
                                                         : sim::TraceDetail::kOperators};
  CARACAL_TRY(plain, predict(options.profile, options.plan, simOptions, console.stop));
  CARACAL_TRY(replay, planner::replayError(plain.profile, console.stop));
  std::optional<Supposed> supposed;
  if (!options.whatIfs.empty()) {
    CARACAL_TRY(changed, suppose(plain, options.whatIfs, simOptions, console.stop));
    supposed = std::move(changed);
  }
  const Prediction& prediction = supposed ? supposed->prediction : plain;
  if (!options.trace.empty())
    CARACAL_CHECK_OK(recording::writeTrace(*prediction.result.trace, options.trace));
  if (options.json) {
    ordered_json document{{"schema", "caracal.simulate/1"},
                          {"status", prediction.result.fits ? "feasible" : "infeasible"},
                          {"policy", prediction.plan.policy},
                          {"schedule", prediction.plan.schedule},
                          {"profileTag", trace::name(prediction.profile.tag)}};
    document.update(predictionJson(prediction.result));
    // A prediction searches nothing and proves nothing: it stands beside `plan` with the same keys.
    document["boundNs"] = 0;
    document["searchSeconds"] = 0.0;
    document["replay"] = replayJson(replay);
    document["trace"] = options.trace;
    if (supposed) document["whatIf"] = whatIfJson(*supposed, plain);
    printJson(console, document);
  } else {
    if (supposed) console.out << whatIfText(*supposed, plain);
    console.out << fmt::format("plan {} on {} ({}), schedule {}\n", prediction.plan.policy,
                               prediction.profile.hardware, profileTagText(prediction.profile),
                               prediction.plan.schedule)
                << predictionText(prediction.result, supposed ? "estimated" : "simulated")
                << replayText(replay);
    if (!options.trace.empty()) console.out << "timeline written to " << options.trace << '\n';
    if (!prediction.result.fits) console.out << "the plan does not fit its budget\n";
  }
  return prediction.result.fits ? ExitCode::kOk : ExitCode::kGateFailed;
}

std::string whatIfComplaint(const std::string& text) {
  const auto known = sim::whatIfFromText(text);
  return known ? "" : known.error().text();
}

std::string whatIfHelp() {
  std::string text =
      "suppose a technique, as NAME or NAME=VALUE; may be given several times (estimated):";
  for (const sim::WhatIfInfo& info : sim::whatIfs()) {
    text += fmt::format("\n  {}", info.name);
    if (!info.meaning.empty()) text += fmt::format("={}: {}", info.value, info.meaning);
    text += fmt::format(" [{}]", info.source);
  }
  return text;
}

}  // namespace

VerbRun declareSimulate(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("--profile", options->profile, "profile of the job")->required();
  command.add_option("--plan", options->plan, "plan to predict")->required();
  command.add_option("--trace", options->trace,
                     "write the predicted timeline here (SQLite, opens like a recording)");
  command.add_option("--what-if", options->whatIfs, whatIfHelp())
      ->allow_extra_args(false)
      ->check(whatIfComplaint);
  command.add_flag("--json", options->json, "print one JSON document");
  return [options](Console& console) { return runSimulate(*options, console); };
}

}  // namespace caracal::cli
