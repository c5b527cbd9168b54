// caracal export: a plan as the configuration of a training framework, with what the target cannot
// hold.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/cli/prediction.h"
#include "app/cli/verbs.h"
#include "core/base/format.h"
#include "core/export/exporter.h"

namespace caracal::cli {
namespace {

using exporter::ExportResult;
using nlohmann::ordered_json;

struct Options {
  std::string target;
  std::string plan;
  std::string profile;
  std::string output;
  bool json = false;
};

using Replay = std::optional<planner::ReplayError>;

ordered_json toJson(const ExportResult& result, const Replay& replay, const Options& options) {
  ordered_json document{{"schema", "caracal.export/1"},
                        {"target", result.target},
                        {"targetVersion", result.targetVersion},
                        {"output", options.output},
                        {"files", ordered_json::array()},
                        {"losses", ordered_json::array()},
                        {"planned", predictionJson(result.planned)},
                        {"predicted", predictionJson(result.predicted)},
                        {"replay", replayJson(replay)}};
  for (const exporter::ExportFile& file : result.files) document["files"].push_back(file.name);
  for (const exporter::FieldLoss& loss : result.losses) {
    document["losses"].push_back({{"field", loss.field},
                                  {"fidelity", exporter::name(loss.fidelity)},
                                  {"words", loss.words}});
  }
  return document;
}

void print(const ExportResult& result, const Replay& replay, const Options& options,
           Console& console) {
  console.out << fmt::format("{} ({})\n", result.target, result.targetVersion);
  for (const exporter::FieldLoss& loss : result.losses) {
    console.out << fmt::format("  {:<10} {}: {}\n", exporter::name(loss.fidelity), loss.field,
                               loss.words);
  }
  console.out << fmt::format("predicted step: {} as planned, {} as {} will run it\n",
                             formatDuration(result.planned.stepNs),
                             formatDuration(result.predicted.stepNs), result.target)
              << replayText(replay);
  for (const exporter::ExportFile& file : result.files) {
    console.out << "wrote " << (std::filesystem::path(options.output) / file.name).string() << '\n';
  }
}

Result<ExitCode> runExport(const Options& options, Console& console) {
  CARACAL_TRY(prediction, predict(options.profile, options.plan, {}, console.stop));
  CARACAL_TRY(result, exporter::exportPlan(options.target, prediction.profile, prediction.plan));
  CARACAL_TRY(replay, planner::replayError(prediction.profile, console.stop));
  CARACAL_CHECK_OK(exporter::writeFiles(result, options.output));
  if (options.json) {
    printJson(console, toJson(result, replay, options));
  } else {
    print(result, replay, options, console);
  }
  return ExitCode::kOk;
}

}  // namespace

VerbRun declareExport(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("--target", options->target, "framework")
      ->required()
      ->check(CLI::IsMember(exporter::targets()));
  command.add_option("--plan", options->plan, "plan to export")->required();
  command.add_option("--profile", options->profile, "profile the plan was made for")->required();
  command.add_option("-o,--output", options->output, "folder for the files")->required();
  command.add_flag("--json", options->json, "print one JSON document");
  return [options](Console& console) { return runExport(*options, console); };
}

}  // namespace caracal::cli
