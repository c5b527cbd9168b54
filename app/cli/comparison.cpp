#include "app/cli/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/analysis/figure_pairs.h"
#include "core/base/format.h"

namespace caracal::cli {

int64_t sumOver(const analysis::RunSummary& run, int64_t analysis::StageRun::*value) {
  int64_t sum = 0;
  for (const analysis::StageRun& stage : run.stages) sum += stage.*value;
  return sum;
}

int64_t largestPeak(const analysis::RunSummary& run) {
  int64_t peak = 0;
  for (const analysis::StageRun& stage : run.stages) peak = std::max(peak, stage.peakBytes);
  return peak;
}

namespace {

using analysis::changePct;
using analysis::RunSummary;
using analysis::StageRun;
using nlohmann::ordered_json;

std::string columnTitle(const RunSummary& run) {
  std::string title = fmt::format("{} ({}", run.name, trace::name(run.tag));
  // A prediction runs on no clock; it only says which one its profile was measured on.
  if (!run.clock.empty() && run.tag != trace::Tag::kSimulated)
    title += fmt::format(", {} clock", run.clock);
  return title + ')';
}

std::string changeText(int64_t first, int64_t second) {
  return first == 0 ? "" : fmt::format("{:+.1f} %", changePct(first, second));
}

std::string labelOf(const analysis::FigurePair& pair) {
  return pair.stage < 0 ? std::string(pair.label)
                        : fmt::format("stage {} {}", pair.stage, pair.label);
}

// Every figure of two runs, one under the other.
std::string figureTable(const RunSummary& first, const RunSummary& second) {
  TextTable table{{"", columnTitle(first), columnTitle(second), "change"}, {}};
  for (const analysis::FigurePair& pair : analysis::figurePairs(first, second)) {
    table.rows.push_back({labelOf(pair), figureText(pair.unit, pair.first),
                          figureText(pair.unit, pair.second), changeText(pair.first, pair.second)});
  }
  table.rows.push_back({"bubbles", formatPercent(first.bubblePct), formatPercent(second.bubblePct),
                        fmt::format("{:+.2f} points", second.bubblePct - first.bubblePct)});
  return table.render();
}

// What decides between many runs, one row each; recomputation summed over stages, the fullest
// stage's memory.
std::string runTable(const std::vector<RunSummary>& runs) {
  TextTable table{
      {"run", "step", "change", "bubbles", "recompute hidden", "exposed", "peak memory"}, {}};
  for (const RunSummary& run : runs) {
    table.rows.push_back({columnTitle(run), formatDuration(run.stepNs),
                          changeText(runs.front().stepNs, run.stepNs), formatPercent(run.bubblePct),
                          formatDuration(sumOver(run, &StageRun::recomputeHiddenNs)),
                          formatDuration(sumOver(run, &StageRun::recomputeExposedNs)),
                          formatBytes(largestPeak(run))});
  }
  return table.render();
}

std::vector<std::string> cautionsOf(const std::vector<RunSummary>& runs) {
  std::vector<std::string> texts;
  for (size_t i = 1; i < runs.size(); ++i) {
    // Two runs need no numbers; of more, which one is meant must be said.
    const std::string which = runs.size() > 2 ? fmt::format("run {}: ", i + 1) : "";
    for (const std::string& text : analysis::cautions(runs.front(), runs[i]))
      texts.push_back(which + text);
  }
  return texts;
}

}  // namespace

std::string errorTableText(const runs::Measurement& measurement) {
  const RunSummary& predicted = measurement.predicted;
  const RunSummary& measured = measurement.measured;
  TextTable table{{"", columnTitle(predicted), columnTitle(measured), "error"}, {}};
  for (const analysis::FigurePair& pair : analysis::figurePairs(predicted, measured)) {
    const std::string error =
        pair.second == 0 ? "" : fmt::format("{:+.1f} %", runs::errorPct(pair.first, pair.second));
    table.rows.push_back({labelOf(pair), figureText(pair.unit, pair.first),
                          figureText(pair.unit, pair.second), error});
  }
  std::string text = table.render();
  for (const std::string& caution : cautionsOf({predicted, measured}))
    text += "mind: " + caution + '\n';
  return text;
}

std::string linkText(const std::vector<runs::LinkTimes>& links) {
  constexpr double kMostError = 0.05;
  std::string text;
  for (const runs::LinkTimes& of : links) {
    text += fmt::format(
        "{} link: {} transfers took {:.1f} % of the time asked for in the median, {:.1f} % at "
        "worst\n",
        of.link, of.transfers, 100 * of.medianRatio, 100 * of.worstRatio);
    if (std::abs(of.medianRatio - 1) > kMostError)
      text += fmt::format("mind: the {} link did not keep to its time\n", of.link);
  }
  return text;
}

ordered_json linksJson(const std::vector<runs::LinkTimes>& links) {
  ordered_json rows = ordered_json::array();
  for (const runs::LinkTimes& of : links) {
    rows.push_back({{"link", of.link},
                    {"transfers", of.transfers},
                    {"medianRatio", of.medianRatio},
                    {"worstRatio", of.worstRatio}});
  }
  return rows;
}

ordered_json passesJson(const std::vector<analysis::PassDifference>& passes) {
  ordered_json rows = ordered_json::array();
  for (const analysis::PassDifference& pass : passes) {
    rows.push_back({{"stage", pass.stage},
                    {"pass", trace::name(pass.pass)},
                    {"microBatch", pass.microBatch},
                    {"chunk", pass.chunk},
                    {"predictedBeginNs", pass.predicted.beginNs},
                    {"predictedNs", pass.predicted.durationNs},
                    {"measuredBeginNs", pass.measured.beginNs},
                    {"measuredNs", pass.measured.durationNs}});
  }
  return rows;
}

ordered_json runJson(const RunSummary& run) {
  ordered_json json{{"name", run.name},           {"tag", trace::name(run.tag)},
                    {"clock", run.clock},         {"hardware", run.hardware},
                    {"planHash", run.planHash},   {"steps", run.steps},
                    {"stepNs", run.stepNs},       {"pipelineNs", run.pipelineNs},
                    {"bubblePct", run.bubblePct}, {"stages", ordered_json::array()}};
  for (const StageRun& stage : run.stages) {
    json["stages"].push_back({{"stage", stage.stage},
                              {"forwardNs", stage.forwardNs},
                              {"backwardNs", stage.backwardNs},
                              {"bubbleNs", stage.bubbleNs},
                              {"hiddenRecomputeNs", stage.recomputeHiddenNs},
                              {"exposedRecomputeNs", stage.recomputeExposedNs},
                              {"peakBytes", stage.peakBytes}});
  }
  return json;
}

ordered_json comparisonJson(const std::vector<RunSummary>& runs) {
  ordered_json json{{"runs", ordered_json::array()}, {"cautions", cautionsOf(runs)}};
  for (const RunSummary& run : runs) {
    ordered_json row = runJson(run);
    row["change"] = {{"stepPct", changePct(runs.front().stepNs, run.stepNs)},
                     {"pipelinePct", changePct(runs.front().pipelineNs, run.pipelineNs)},
                     {"bubblePoints", run.bubblePct - runs.front().bubblePct}};
    json["runs"].push_back(std::move(row));
  }
  return json;
}

std::string comparisonText(const std::vector<RunSummary>& runs) {
  std::string text = runs.size() == 2 ? figureTable(runs[0], runs[1]) : runTable(runs);
  for (const std::string& caution : cautionsOf(runs)) text += "mind: " + caution + '\n';
  return text;
}

}  // namespace caracal::cli
