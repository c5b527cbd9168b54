// caracal analyze PATH...: busy, communication and idle time of every device and, where the run
// shows its pipeline, stages with bubbles and their causes.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/figures_json.h"
#include "app/cli/hint.h"
#include "app/cli/load.h"
#include "app/cli/load_options.h"
#include "app/cli/step_report.h"
#include "app/cli/verbs.h"
#include "core/analysis/collective_summary.h"
#include "core/analysis/critical_tables.h"
#include "core/analysis/figures.h"
#include "core/analysis/prepared_run.h"
#include "core/analysis/rank_idle.h"
#include "core/analysis/rank_tables.h"
#include "core/analysis/step_model.h"
#include "core/analysis/structure.h"
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
  std::shared_ptr<LoadChoices> load = std::make_shared<LoadChoices>();
  std::string commKernels;
  std::string hint;                 // JSON file; empty: none
  std::string table;                // empty: the overview
  std::vector<std::string> whatIf;  // a table of its own
  std::string output;               // CSV file of the table
  int64_t kernelGapNs = analysis::kDefaultKernelGapNs;
  bool json = false;
};

struct Analysis {
  analysis::PreparedRun run;
  std::vector<DeviceFigures> devices;
  std::vector<CollectiveSummary> collectives;
  Result<analysis::StepModel> steps;
  std::vector<analysis::RankStep> rankSteps;  // where there are no stages
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
          {"latestCalls", row.latestCalls},
          {"untoldCalls", row.untoldCalls},
          {"algorithmGBps", row.algorithmGBps},
          {"busGBps", row.busGBps}};
}

ordered_json clockJson(const analysis::PreparedRun& run) {
  ordered_json json{{"resolutionNs", run.clocks.resolutionNs},
                    {"observations", run.clocks.observations},
                    {"recordings", run.clocks.recordings},
                    {"reasons", run.clocks.reasons},
                    {"ranks", ordered_json::array()}};
  for (size_t i = 0; i < run.clocks.ranks.size(); ++i) {
    const analysis::RankClock& clock = run.clocks.ranks[i];
    json["ranks"].push_back({{"rank", run.trace->ranks()[i].rank},
                             {"recording", clock.recording},
                             {"observations", clock.observations},
                             {"offsetNs", clock.offset.offset},
                             {"pivotNs", clock.offset.pivot},
                             {"driftPpm", clock.offset.slope * 1e6},
                             {"corrected", clock.corrected},
                             {"residualP50Ns", clock.residualP50Ns},
                             {"residualP90Ns", clock.residualP90Ns},
                             {"residualP99Ns", clock.residualP99Ns}});
  }
  return json;
}

ordered_json toJson(const Analysis& analysis) {
  ordered_json document{{"schema", "caracal.analyze/1"},
                        {"format", analysis.run.trace->format()},
                        {"tag", trace::name(analysis.run.trace->tag())},
                        {"clock", analysis.run.trace->metaOr("clock", "")},
                        {"ranks", ordered_json::array()},
                        {"collectives", ordered_json::array()}};
  for (const DeviceFigures& row : analysis.devices)
    document["ranks"].push_back(rankFiguresJson(row));
  for (const CollectiveSummary& row : analysis.collectives) {
    document["collectives"].push_back(collectiveJson(row));
  }
  document["clockFit"] = clockJson(analysis.run);
  if (analysis.steps) {
    document.update(stepsJson(*analysis.steps));
  } else {
    document["stagesMissing"] = analysis.steps.error().message;
    document["rankSteps"] = rankStepsJson(*analysis.run.trace, analysis.rankSteps);
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
  TextTable table{{"collective", "group", "ranks", "calls", "bytes", "mean wait", "mean transfer",
                   "bus", "came last"},
                  {}};
  for (const CollectiveSummary& row : collectives) {
    table.rows.push_back(
        {std::string(trace::name(row.kind)), row.group, std::to_string(row.members),
         std::to_string(row.calls), row.bytes > 0 ? formatBytes(row.bytes) : "",
         formatDuration(row.waitNs / row.calls / std::max(row.members, 1)),
         formatDuration(row.transferNs / row.calls),
         row.busGBps > 0 ? fmt::format("{:.1f} GB/s", row.busGBps) : "",
         row.latestRank < 0 ? "cannot tell"
                            : fmt::format("rank {} in {}", row.latestRank, row.latestCalls)});
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

Result<analysis::DataTable> makeTable(const Options& options,
                                      const analysis::TableRequest& request) {
  if (options.whatIf.empty()) return analysis::makeTable(options.table, request);
  std::vector<analysis::WhatIf> questions;
  for (const std::string& text : options.whatIf) {
    CARACAL_TRY(question, analysis::parseWhatIf(text));
    questions.push_back(question);
  }
  return analysis::whatIfTable(request, questions);
}

Result<ExitCode> runTable(const Options& options, const analysis::TableRequest& request,
                          Console& console) {
  auto made = makeTable(options, request);
  if (!made) return tl::unexpected(made.error());
  const analysis::DataTable& table = *made;
  if (!options.output.empty()) {
    CARACAL_CHECK_OK(writeCsv(table, options.output));
    if (!options.json) return ExitCode::kOk;
  }
  printTable(table, options, console);
  return ExitCode::kOk;
}

void print(const Analysis& analysis, Console& console) {
  console.out << fmt::format("{} ({}{})\n\n", analysis.run.trace->format(),
                             trace::name(analysis.run.trace->tag()), clockText(*analysis.run.trace))
              << deviceTable(analysis.devices) << '\n';
  for (const std::string& sentence : analysis::clockSentences(analysis.run.clocks))
    console.out << sentence << '\n';
  if (!analysis.collectives.empty()) console.out << collectiveTable(analysis.collectives) << '\n';
  if (analysis.steps) {
    console.out << stepsText(*analysis.steps);
  } else {
    console.out << "no stages: " << analysis.steps.error().message << '\n'
                << rankCausesText(*analysis.run.trace, analysis.rankSteps);
  }
}

Result<ExitCode> runAnalyze(const Options& options, Console& console) {
  if (options.table == "list") {
    console.out << tableList();
    return ExitCode::kOk;
  }
  if (options.paths.empty()) return usageError(console, "analyze needs a trace file or a folder");
  const bool wantsTable = !options.table.empty() || !options.whatIf.empty();
  if (!options.output.empty() && !wantsTable)
    return usageError(console, "-o writes a table: name it with --table (--table list)");
  for (const std::string& text : options.whatIf) {
    if (const auto question = analysis::parseWhatIf(text); !question)
      return usageError(console, question.error().message);
  }
  CARACAL_TRY(names, commNames(options.commKernels));
  const auto choices = loadOptionsOf(*options.load);
  if (!choices) return usageError(console, choices.error().text());
  CARACAL_TRY(loaded, loadRun(options.paths, console, *choices));
  CARACAL_TRY(hinted, withHint(loaded.trace, options.hint));
  analysis::PreparedRun run = analysis::prepareRun(hinted.trace, names);
  if (wantsTable) return runTable(options, {run, names, options.kernelGapNs, hinted.hint}, console);
  const trace::Trace& trace = *run.trace;
  auto collectives =
      analysis::summarizeCollectives(trace, run.collectives, run.clocks.resolutionNs);
  Analysis analysis{run,
                    analysis::deviceFigures(trace, names),
                    std::move(collectives),
                    analysis::buildStepModel(trace),
                    {}};
  if (!analysis.steps) analysis.rankSteps = analysis::explainRanks(run, names);
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
  addLoadOptions(command, options->load);
  command.add_option("path", options->paths, "trace files, or folders of them, as one run");
  command.add_option(
      "--comm-kernels", options->commKernels,
      "JSON table of kernel names that are communication, in place of the shipped one");
  addHintOption(command, options->hint);
  command.add_option("--table", options->table,
                     "print one table instead of the overview; \"list\" names them");
  command
      .add_option("--what-if", options->whatIf,
                  "what the run would take if a kind of work were faster: send-recv=2x")
      ->allow_extra_args(false);  // one each: what follows is a path
  command.add_option("-o,--output", options->output, "write the table into this CSV file");
  command.add_option("--kernel-gap", options->kernelGapNs,
                     "idle-breakdown: gaps below this many ns are launch overhead (30)");
  command.add_flag("--json", options->json, "print one JSON document");
  return [options](Console& console) { return runAnalyze(*options, console); };
}

}  // namespace caracal::cli
