// caracal info PATH...: what a trace holds, and what had to be repaired to read it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/load.h"
#include "app/cli/load_options.h"
#include "app/cli/verbs.h"
#include "core/analysis/figures.h"
#include "core/analysis/prepared_run.h"
#include "core/analysis/rank_tables.h"
#include "core/base/format.h"

namespace caracal::cli {
namespace {

using analysis::DeviceCounts;
using nlohmann::ordered_json;
using trace::Defect;

struct Options {
  std::vector<std::string> paths;
  std::shared_ptr<LoadChoices> load = std::make_shared<LoadChoices>();
  std::string commKernels;
  bool json = false;
};

struct Info {
  import::LoadResult loaded;
  Span range;                      // of the run, all ranks on one clock
  std::vector<std::string> clock;  // what was found to put them there
  std::vector<DeviceCounts> devices;
  int64_t peakBytes = 0;

  const trace::Trace& trace() const { return *loaded.trace; }
  double bytesPerEvent() const {
    const size_t events = trace().eventCount();
    return events == 0 ? 0.0
                       : static_cast<double>(trace().memoryBytes()) / static_cast<double>(events);
  }
};

ordered_json rankJson(const DeviceCounts& row, const trace::Rank& rank) {
  return {{"rank", row.rank},
          {"device", row.device},
          {"deviceName", rank.deviceName},
          {"host", rank.host},
          {"file", rank.file},
          {"foundBy", rank.foundBy},
          {"stage", rank.stage},
          {"events", row.events},
          {"cpuEvents", row.cpuEvents},
          {"gpuKernels", row.gpuKernels},
          {"gpuMemcpy", row.gpuMemcpy},
          {"gpuMemset", row.gpuMemset},
          {"gpuGraphs", row.gpuGraphs},
          {"ncclKernels", row.ncclKernels},
          {"ncclByKind", row.ncclByKind}};
}

ordered_json toJson(const Info& info) {
  const trace::Trace& trace = info.trace();
  ordered_json document{{"schema", "caracal.info/1"},
                        {"format", trace.format()},
                        {"tag", trace::name(trace.tag())},
                        {"ranks", ordered_json::array()},
                        {"quality", ordered_json::object()},
                        {"notes", trace.report().notes},
                        {"skipped", ordered_json::array()},
                        {"meta", trace.meta()},
                        {"events", trace.eventCount()},
                        {"beginNs", info.range.beginNs},
                        {"endNs", info.range.endNs},
                        {"loadSeconds", info.loaded.seconds},
                        {"peakRssBytes", info.peakBytes},
                        {"bytesPerEvent", info.bytesPerEvent()},
                        {"clock", info.clock}};
  for (const DeviceCounts& row : info.devices) {
    document["ranks"].push_back(rankJson(row, trace.ranks()[row.rankIndex]));
  }
  for (size_t i = 0; i < static_cast<size_t>(Defect::kCount); ++i) {
    const auto defect = static_cast<Defect>(i);
    document["quality"][std::string(trace::info(defect).name)] = trace.report().of(defect);
  }
  for (const Error& error : info.loaded.skipped) {
    document["skipped"].push_back({{"where", error.where}, {"message", error.message}});
  }
  return document;
}

std::string kindsText(const std::map<std::string, int64_t>& kinds) {
  std::string text;
  for (const auto& [kind, count] : kinds)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, kind);
  return text;
}

std::string rankTable(const Info& info) {
  TextTable table{{"rank", "device", "records read", "host events", "kernels", "copies", "sets",
                   "comm kernels"},
                  {}};
  for (const DeviceCounts& row : info.devices) {
    const std::string& name = info.trace().ranks()[row.rankIndex].deviceName;
    table.rows.push_back(
        {std::to_string(row.rank), name.empty() ? row.device : row.device + " " + name,
         std::to_string(row.events), std::to_string(row.cpuEvents), std::to_string(row.gpuKernels),
         std::to_string(row.gpuMemcpy), std::to_string(row.gpuMemset), kindsText(row.ncclByKind)});
  }
  return table.render();
}

std::string effectText(trace::Effect effect) {
  switch (effect) {
    case trace::Effect::kRepaired:
      return "repaired";
    case trace::Effect::kDropped:
      return "dropped";
    case trace::Effect::kNoted:
      return "noted";
  }
  return {};
}

std::string qualityText(const trace::ImportReport& report) {
  TextTable table{{"count", "what", "effect", "meaning"}, {}};
  for (size_t i = 0; i < static_cast<size_t>(Defect::kCount); ++i) {
    const auto defect = static_cast<Defect>(i);
    if (report.of(defect) == 0) continue;
    const trace::DefectInfo& known = trace::info(defect);
    table.rows.push_back({std::to_string(report.of(defect)), std::string(known.name),
                          effectText(known.effect), std::string(known.description)});
  }
  std::string text =
      table.rows.empty() ? "nothing had to be repaired or dropped\n" : table.render();
  for (const std::string& note : report.notes) text += "note: " + note + '\n';
  return text;
}

void print(const Info& info, Console& console) {
  const trace::Trace& trace = info.trace();
  console.out << fmt::format("{} trace, {}: {} ranks, {} events on the timeline over {}\n",
                             trace.format(), trace::name(trace.tag()), trace.ranks().size(),
                             trace.eventCount(), formatDuration(info.range.lengthNs()))
              << fmt::format("loaded in {:.2f} s, {} at most, {:.1f} bytes per event\n\n",
                             info.loaded.seconds, formatBytes(info.peakBytes), info.bytesPerEvent())
              << rankTable(info) << '\n';
  for (const std::string& sentence : info.clock) console.out << sentence << '\n';
  console.out << "\ndata quality\n" << qualityText(trace.report());
}

Result<ExitCode> runInfo(const Options& options, Console& console) {
  const auto choices = loadOptionsOf(*options.load);
  if (!choices) return usageError(console, choices.error().text());
  CARACAL_TRY(loaded, loadRun(options.paths, console, *choices));
  CARACAL_TRY(names, commNames(options.commKernels));
  const analysis::PreparedRun run = analysis::prepareRun(loaded.trace, names, console.stop);
  Info info{loaded, run.trace->range(), analysis::clockSentences(run.clocks),
            analysis::deviceCounts(*loaded.trace, names, console.stop), peakRssBytes()};
  if (console.stop.stop_requested()) return fail(ErrorCode::kCancelled, "stopped");
  if (options.json) {
    printJson(console, toJson(info));
  } else {
    print(info, console);
  }
  return ExitCode::kOk;
}

}  // namespace

VerbRun declareInfo(CLI::App& command) {
  auto options = std::make_shared<Options>();
  addLoadOptions(command, options->load);
  command.add_option("path", options->paths, "trace files, or folders of them, as one run")
      ->required();
  command.add_option("--comm-kernels", options->commKernels,
                     "table of kernel names that are communication");
  command.add_flag("--json", options->json, "print one JSON document");
  return [options](Console& console) { return runInfo(*options, console); };
}

}  // namespace caracal::cli
