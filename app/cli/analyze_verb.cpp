// caracal analyze PATH...: busy, communication and idle time of every device and, where the run
// shows its pipeline, stages with bubbles and their causes.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/figures_json.h"
#include "app/cli/load.h"
#include "app/cli/step_report.h"
#include "app/cli/verbs.h"
#include "core/analysis/collective_summary.h"
#include "core/analysis/figures.h"
#include "core/analysis/step_model.h"
#include "core/base/format.h"

namespace caracal::cli {
namespace {

using analysis::CollectiveSummary;
using analysis::DeviceFigures;
using nlohmann::ordered_json;

struct Options {
  std::vector<std::string> paths;
  std::string commKernels;
  bool showNames = false;
  bool json = false;
};

struct Analysis {
  std::shared_ptr<const trace::Trace> trace;
  std::vector<DeviceFigures> devices;
  std::vector<CollectiveSummary> collectives;
  Result<analysis::StepModel> steps;
};

ordered_json collectiveJson(const CollectiveSummary& row) {
  return {{"kind", trace::name(row.kind)},
          {"group", row.group},
          {"members", row.members},
          {"calls", row.calls},
          {"bytes", row.bytes},
          {"waitNs", row.waitNs},
          {"transferNs", row.transferNs},
          {"latestRank", row.latestRank},
          {"latestCalls", row.latestCalls}};
}

ordered_json toJson(const Analysis& analysis) {
  ordered_json document{{"schema", "caracal.analyze/1"},
                        {"format", analysis.trace->format()},
                        {"tag", trace::name(analysis.trace->tag())},
                        {"clock", analysis.trace->metaOr("clock", "")},
                        {"ranks", ordered_json::array()},
                        {"collectives", ordered_json::array()}};
  for (const DeviceFigures& row : analysis.devices)
    document["ranks"].push_back(rankFiguresJson(row));
  for (const CollectiveSummary& row : analysis.collectives) {
    document["collectives"].push_back(collectiveJson(row));
  }
  if (analysis.steps) {
    document.update(stepsJson(*analysis.steps));
  } else {
    document["stagesMissing"] = analysis.steps.error().message;
  }
  return document;
}

std::string deviceTable(const std::vector<DeviceFigures>& devices) {
  TextTable table{
      {"rank", "device", "span", "busy", "compute", "comm", "exposed comm", "overlap", "idle"}, {}};
  for (const DeviceFigures& row : devices) {
    table.rows.push_back({std::to_string(row.rank), row.device, formatDuration(row.spanNs),
                          formatDuration(row.busyNs), formatDuration(row.computeNs),
                          formatDuration(row.commNs), formatDuration(row.exposedCommNs),
                          formatPercent(row.overlapPct), formatDuration(row.idleNs)});
  }
  return table.render();
}

// Wait is the mean over all members, the last one's zero included.
std::string collectiveTable(const std::vector<CollectiveSummary>& collectives) {
  TextTable table{
      {"collective", "group", "ranks", "calls", "bytes", "mean wait", "mean transfer", "came last"},
      {}};
  for (const CollectiveSummary& row : collectives) {
    table.rows.push_back({std::string(trace::name(row.kind)), row.group,
                          std::to_string(row.members), std::to_string(row.calls),
                          row.bytes > 0 ? formatBytes(row.bytes) : "",
                          formatDuration(row.waitNs / row.calls / std::max(row.members, 1)),
                          formatDuration(row.transferNs / row.calls),
                          fmt::format("rank {} in {}", row.latestRank, row.latestCalls)});
  }
  return "collectives matched across ranks\n" + table.render();
}

// Which kernels were taken for communication, so that the user can check the table of names.
std::string namesText(const trace::Trace& trace, const analysis::CommNames& names) {
  std::map<std::string, int64_t> kernels;
  for (size_t e = 0; e < trace.eventCount(); ++e) {
    const auto event = static_cast<trace::EventIndex>(e);
    if (trace.kind(event) == trace::EventKind::kKernel && names.matches(trace.name(event))) {
      ++kernels[std::string(trace.name(event))];
    }
  }
  std::string text = "communication is every kernel whose name holds one of:";
  for (const std::string& part : names.parts) text += ' ' + part;
  text += '\n';
  TextTable table{{"calls", "kernel"}, {}};
  for (const auto& [name, count] : kernels) table.rows.push_back({std::to_string(count), name});
  return text + (kernels.empty() ? "no kernel of this run does\n" : table.render());
}

void print(const Analysis& analysis, Console& console) {
  console.out << fmt::format("{} ({}{})\n\n", analysis.trace->format(),
                             trace::name(analysis.trace->tag()), clockText(*analysis.trace))
              << deviceTable(analysis.devices) << '\n';
  if (!analysis.collectives.empty()) console.out << collectiveTable(analysis.collectives) << '\n';
  if (analysis.steps) {
    console.out << stepsText(*analysis.steps);
  } else {
    console.out << "no stages: " << analysis.steps.error().message << '\n';
  }
}

Result<ExitCode> runAnalyze(const Options& options, Console& console) {
  CARACAL_TRY(names, commNames(options.commKernels));
  CARACAL_TRY(loaded, loadRun(options.paths, console));
  if (options.showNames) {
    console.out << namesText(*loaded.trace, names);
    return ExitCode::kOk;
  }
  const trace::Trace& trace = *loaded.trace;
  const Analysis analysis{
      loaded.trace, analysis::deviceFigures(trace, names),
      analysis::summarizeCollectives(trace, analysis::matchCollectives(trace, names)),
      analysis::buildStepModel(trace)};
  if (options.json) {
    printJson(console, toJson(analysis));
  } else {
    print(analysis, console);
  }
  return ExitCode::kOk;
}

}  // namespace

VerbRun declareAnalyze(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("path", options->paths, "trace files, or folders of them, as one run")
      ->required();
  command.add_option(
      "--comm-kernels", options->commKernels,
      "JSON table of kernel names that are communication, in place of the shipped one");
  command.add_flag("--table", options->showNames,
                   "show that table and the kernels of this run it matches");
  command.add_flag("--json", options->json, "print one JSON document");
  return [options](Console& console) { return runAnalyze(*options, console); };
}

}  // namespace caracal::cli
