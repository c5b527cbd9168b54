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
#include "core/analysis/tables.h"
#include "core/base/files.h"
#include "core/base/format.h"

namespace caracal::cli {
namespace {

using analysis::CollectiveSummary;
using analysis::DeviceFigures;
using nlohmann::ordered_json;

struct Options {
  std::vector<std::string> paths;
  std::string commKernels;
  std::string table;   // empty: the overview
  std::string output;  // CSV file of the table
  int64_t kernelGapNs = analysis::kDefaultKernelGapNs;
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

std::string tableList() {
  TextTable table{{"table", "holds"}, {}};
  for (const analysis::TableKind& kind : analysis::tableKinds())
    table.rows.push_back({std::string(kind.name), std::string(kind.sentence)});
  return table.render();
}

Result<void> writeCsv(const analysis::DataTable& table, const std::string& path) {
  if (!path.ends_with(".csv")) {
    return fail(ErrorCode::kInvalidInput, "a table is written as CSV: name a .csv file, not {}",
                path);
  }
  return writeTextFile(path, analysis::toCsv(table));
}

void printTable(const analysis::DataTable& table, const Options& options, Console& console) {
  if (options.json) {
    ordered_json document{{"schema", "caracal.table/1"}};
    document.update(analysis::toJson(table));
    printJson(console, document);
    return;
  }
  console.out << analysis::toText(table).render();
  for (const std::string& note : table.notes) console.out << note << '\n';
}

Result<ExitCode> runTable(const Options& options, const analysis::TableRequest& request,
                          Console& console) {
  CARACAL_TRY(table, analysis::makeTable(options.table, request));
  if (!options.output.empty()) {
    CARACAL_CHECK_OK(writeCsv(table, options.output));
    if (!options.json) return ExitCode::kOk;
  }
  printTable(table, options, console);
  return ExitCode::kOk;
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
  if (options.table == "list") {
    console.out << tableList();
    return ExitCode::kOk;
  }
  if (options.paths.empty()) return usageError(console, "analyze needs a trace file or a folder");
  if (!options.output.empty() && options.table.empty())
    return usageError(console, "-o writes a table: name it with --table (--table list)");
  CARACAL_TRY(names, commNames(options.commKernels));
  CARACAL_TRY(loaded, loadRun(options.paths, console));
  if (!options.table.empty())
    return runTable(options, {*loaded.trace, names, options.kernelGapNs}, console);
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
  command.add_option("path", options->paths, "trace files, or folders of them, as one run");
  command.add_option(
      "--comm-kernels", options->commKernels,
      "JSON table of kernel names that are communication, in place of the shipped one");
  command.add_option("--table", options->table,
                     "print one table instead of the overview; \"list\" names them");
  command.add_option("-o,--output", options->output, "write the table into this CSV file");
  command.add_option("--kernel-gap", options->kernelGapNs,
                     "idle-breakdown: gaps below this many ns are launch overhead (30)");
  command.add_flag("--json", options->json, "print one JSON document");
  return [options](Console& console) { return runAnalyze(*options, console); };
}

}  // namespace caracal::cli
