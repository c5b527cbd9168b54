// caracal profile: what planning needs to know of a job, from a recording, from a stage-level trace
// of another framework with a model description, or from a model description alone.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/cli/hint.h"
#include "app/cli/layer_list.h"
#include "app/cli/load.h"
#include "app/cli/load_options.h"
#include "app/cli/prediction.h"
#include "app/cli/verbs.h"
#include "core/analysis/prepared_run.h"
#include "core/analysis/step_model.h"
#include "core/base/format.h"
#include "core/profile/model_description.h"
#include "core/profile/profile_from_trace.h"
#include "core/profile/profile_json.h"

namespace caracal::cli {
namespace {

using nlohmann::ordered_json;
using profile::Profile;

struct Options {
  std::vector<std::string> paths;
  std::shared_ptr<LoadChoices> load = std::make_shared<LoadChoices>();
  std::string model;
  std::string layers;
  std::string hint;  // JSON file; empty: none
  std::string output;
  bool overlapGradReduce = false;
  bool json = false;
};

Result<Profile> fromModel(const profile::ModelDescription& model) {
  CARACAL_TRY(hardware, profile::loadHardware(model.gpu));
  return profile::profileFromModel(model, hardware);
}

Result<Profile> fromTrace(const Options& options,
                          const std::optional<profile::ModelDescription>& model,
                          const std::vector<int32_t>& layers, Console& console) {
  CARACAL_TRY(choices, loadOptionsOf(*options.load));
  CARACAL_TRY(loaded, loadRun(options.paths, console, choices));
  CARACAL_TRY(names, commNames({}));
  CARACAL_TRY(hinted, withHint(loaded.trace, options.hint));
  const auto trace = analysis::prepareRun(hinted.trace, names).trace;
  auto understood = analysis::buildStepModel(*trace);
  if (!understood) {
    return fail(understood.error().code,
                "no profile: {}. Without such a trace, --model FILE alone gives an estimate",
                understood.error().message);
  }
  const analysis::StepModel& steps = *understood;
  if (!model) return profile::profileFromRecording(*trace, steps);
  return profile::profileFromStages(*trace, steps, *model, layers);
}

std::string kindTable(const profile::LayerKind& kind) {
  TextTable table{{"operator", "forward", "backward", "output", "saved for backward"}, {}};
  for (const profile::Operator& op : kind.operators) {
    table.rows.push_back({op.id, formatDuration(op.forwardNs), formatDuration(op.backwardNs),
                          formatBytes(op.outputBytes),
                          op.needed() ? formatBytes(op.savedBytes) : "-"});
  }
  for (const profile::Window& window : kind.windows) {
    table.rows.push_back({"window " + window.id, formatDuration(window.capacityNs()), "",
                          formatBytes(window.bytes), ""});
  }
  return fmt::format("layer kind {}: forward {}, backward {}, input {}\n", kind.id,
                     formatDuration(kind.forwardNs()), formatDuration(kind.backwardNs()),
                     formatBytes(kind.inputBytes)) +
         table.render();
}

using Replay = Result<std::optional<planner::ReplayError>>;

// A profile that cannot be replayed is still one to look at.
std::string replayWords(const Replay& replay) {
  if (replay) return replayText(*replay);
  return fmt::format("replay error: unknown, {}\n", replay.error().text());
}

void print(const Profile& profile, const Replay& replay, Console& console) {
  console.out << fmt::format("{} on {} ({})\n", profile.name, profile.hardware,
                             profileTagText(profile))
              << fmt::format(
                     "{} layers, hidden {}, sequence {}, micro-batch {} x {}; {} {} ranks: tp {}, "
                     "pp {}, dp {}\n",
                     profile.layers.size(), profile.model.hidden, profile.model.sequence,
                     profile.model.microBatchSize, profile.parallel.microBatches, profile.schedule,
                     profile.parallel.ranks(), profile.parallel.tensor, profile.parallel.pipeline,
                     profile.parallel.data);
  if (profile.observedStepNs > 0) {
    console.out << fmt::format("observed step {} (median, the first left out) under plan {}\n",
                               formatDuration(profile.observedStepNs),
                               profile.observedPlan.empty() ? "unknown" : profile.observedPlan)
                << replayWords(replay);
  }
  for (const profile::LayerKind& kind : profile.kinds) console.out << '\n' << kindTable(kind);
}

Result<ExitCode> runProfile(const Options& options, Console& console) {
  if (options.paths.empty() && options.model.empty()) {
    return usageError(console, "profile needs a recording or trace, or --model FILE, or both");
  }
  if (options.model.empty() && !options.layers.empty()) {
    return usageError(console,
                      "--layers says what another framework's stages held; it needs --model");
  }
  const auto layers = parseLayerList(options.layers);
  if (!layers) return usageError(console, layers.error().text());
  std::optional<profile::ModelDescription> model;
  if (!options.model.empty()) {
    auto named = profile::loadModel(options.model);
    if (!named && named.error().code == ErrorCode::kNotFound)
      return usageError(console, named.error().text());
    CARACAL_TRY(description, std::move(named));
    model = description;
  }
  CARACAL_TRY(profile, options.paths.empty() ? fromModel(*model)
                                             : fromTrace(options, model, *layers, console));
  if (options.overlapGradReduce) profile.parallel.overlapGradientReduce = true;
  if (!options.output.empty()) CARACAL_CHECK_OK(profile::saveProfile(profile, options.output));
  const Replay replay = planner::replayError(profile, console.stop);
  if (options.json) {
    printJson(console, {{"schema", "caracal.profile/1"},
                        {"hash", profile::hashOf(profile)},
                        {"replay", replayJson(replay.value_or(std::nullopt))},
                        {"output", options.output},
                        {"document", ordered_json::parse(profile::toJson(profile))}});
    return ExitCode::kOk;
  }
  print(profile, replay, console);
  if (!options.output.empty()) console.out << "\nwritten to " << options.output << '\n';
  return ExitCode::kOk;
}

}  // namespace

VerbRun declareProfile(CLI::App& command) {
  auto options = std::make_shared<Options>();
  addCacheOption(command, options->load);
  command.add_option("path", options->paths,
                     "a recording of caracal-run, or a stage-level trace (then with --model)");
  command.add_option("--model", options->model, "model description (JSON)");
  command.add_option("--layers", options->layers,
                     "layers of each stage of the trace, as 4,4,3,3, or of each model chunk of an "
                     "interleaved schedule (default: even)");
  addHintOption(command, options->hint);
  command.add_flag("--overlap-grad-reduce", options->overlapGradReduce,
                   "the job reduces gradients beside backward, as Megatron-LM's option does");
  command.add_option("-o,--output", options->output, "write the profile here");
  command.add_flag("--json", options->json, "print one JSON document");
  return [options](Console& console) { return runProfile(*options, console); };
}

}  // namespace caracal::cli
