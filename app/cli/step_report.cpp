#include "app/cli/step_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/base/format.h"

namespace caracal::cli {
namespace {

using analysis::IdleCause;
using analysis::StageSummary;
using analysis::StepModel;
using nlohmann::ordered_json;

ordered_json causesJson(const analysis::CauseTimes& causes) {
  ordered_json json = ordered_json::object();
  for (size_t i = 0; i < causes.size(); ++i) {
    json[std::string(analysis::name(static_cast<IdleCause>(i)))] = causes[i];
  }
  return json;
}

ordered_json stageJson(const StageSummary& stage) {
  return {{"stage", stage.stage},
          {"steps", stage.steps},
          {"stepNs", stage.stepNs},
          {"pipelineNs", stage.pipelineNs},
          {"computeNs", stage.computeNs},
          {"busyNs", stage.busyNs},
          {"bubbleNs", stage.bubbleNs},
          {"bubblePct", stage.bubblePct},
          {"forwardNs", stage.forwardNs},
          {"backwardNs", stage.backwardNs},
          {"hiddenRecomputeNs", stage.recomputeHiddenNs},
          {"exposedRecomputeNs", stage.recomputeExposedNs},
          {"causes", causesJson(stage.causes)}};
}

std::string share(int64_t partNs, int64_t wholeNs) {
  return wholeNs > 0
             ? formatPercent(100.0 * static_cast<double>(partNs) / static_cast<double>(wholeNs))
             : "";
}

// Times per (step, replica), so that runs of different length compare.
std::string perStep(int64_t sumNs, const StageSummary& stage) {
  return formatDuration(stage.steps > 0 ? sumNs / stage.steps : 0);
}

std::string stageTable(const StepModel& model) {
  TextTable table{
      {"stage", "step", "F", "B", "pipeline", "bubble", "bubble %", "recompute hidden", "exposed"},
      {}};
  for (const StageSummary& stage : model.stages) {
    table.rows.push_back({std::to_string(stage.stage), perStep(stage.stepNs, stage),
                          formatDuration(stage.forwardNs), formatDuration(stage.backwardNs),
                          perStep(stage.pipelineNs, stage), perStep(stage.bubbleNs, stage),
                          formatPercent(stage.bubblePct), perStep(stage.recomputeHiddenNs, stage),
                          perStep(stage.recomputeExposedNs, stage)});
  }
  return table.render();
}

// A column of causes: a stage, or a rank where there are no stages.
struct CauseColumn {
  std::string heading;
  analysis::CauseTimes causes{};
  int64_t stepNs = 0;
};

// Causes that no column has are left out; empty when there are none at all.
std::string causeTable(const std::vector<CauseColumn>& columns) {
  TextTable table{{"idle because of"}, {}};
  for (const CauseColumn& column : columns) table.header.push_back(column.heading);
  for (size_t i = 0; i < analysis::kIdleCauseCount; ++i) {
    std::vector<std::string> row{std::string(analysis::label(static_cast<IdleCause>(i)))};
    bool any = false;
    for (const CauseColumn& column : columns) {
      any = any || column.causes[i] != 0;
      row.push_back(share(column.causes[i], column.stepNs));
    }
    if (any) table.rows.push_back(row);
  }
  return table.rows.empty() ? std::string()
                            : "share of the step that compute is idle\n" + table.render();
}

std::vector<CauseColumn> columnsOf(const StepModel& model) {
  std::vector<CauseColumn> columns;
  for (const StageSummary& stage : model.stages)
    columns.push_back({fmt::format("stage {}", stage.stage), stage.causes, stage.stepNs});
  return columns;
}

// All steps of a rank together.
std::vector<CauseColumn> columnsOf(const trace::Trace& trace,
                                   const std::vector<analysis::RankStep>& steps) {
  std::map<uint32_t, CauseColumn> ofRanks;
  for (const analysis::RankStep& step : steps) {
    CauseColumn& column = ofRanks[step.rankIndex];
    column.heading = fmt::format("rank {}", trace.ranks()[step.rankIndex].rank);
    column.stepNs += step.span.lengthNs();
    for (size_t i = 0; i < step.causes.size(); ++i) column.causes[i] += step.causes[i];
  }
  std::vector<CauseColumn> columns;
  for (auto& [rank, column] : ofRanks) columns.push_back(std::move(column));
  return columns;
}

// Text is read side by side: of more ranks the table has them all.
constexpr size_t kMostRanks = 16;

}  // namespace

ordered_json stepsJson(const StepModel& model) {
  ordered_json json{{"schedule", model.schedule},
                    {"replicas", model.replicaCount},
                    {"tensorSize", model.tensorSize},
                    {"microBatches", model.microBatches},
                    {"chunks", model.chunks},
                    {"forwardSendNs", model.forwardSendNs},
                    {"backwardSendNs", model.backwardSendNs},
                    {"stages", ordered_json::array()},
                    {"steps", ordered_json::array()},
                    {"facts", ordered_json::array()}};
  for (const StageSummary& stage : model.stages) json["stages"].push_back(stageJson(stage));
  for (const analysis::StepSummary& step : model.steps) {
    json["steps"].push_back({{"step", step.step},
                             {"replica", step.replica},
                             {"stepNs", step.stepNs},
                             {"pipelineNs", step.pipelineNs}});
  }
  for (const analysis::Fact& fact : model.facts) {
    json["facts"].push_back({{"what", fact.what}, {"foundBy", fact.foundBy}});
  }
  return json;
}

std::string stepsText(const StepModel& model) {
  std::string text;
  for (const analysis::Fact& fact : model.facts)
    text += fmt::format("{} (from {})\n", fact.what, fact.foundBy);
  text += fmt::format("\nmeans per step over {} steps; F and B are medians per micro-batch\n",
                      model.steps.size());
  text += stageTable(model);
  const std::string causes = causeTable(columnsOf(model));
  return causes.empty() ? text : text + '\n' + causes;
}

ordered_json rankStepsJson(const trace::Trace& trace,
                           const std::vector<analysis::RankStep>& steps) {
  ordered_json json = ordered_json::array();
  for (const analysis::RankStep& step : steps) {
    json.push_back({{"rank", trace.ranks()[step.rankIndex].rank},
                    {"step", step.step},
                    {"stepNs", step.span.lengthNs()},
                    {"busyNs", step.busyNs},
                    {"causes", causesJson(step.causes)}});
  }
  return json;
}

std::string rankCausesText(const trace::Trace& trace,
                           const std::vector<analysis::RankStep>& steps) {
  std::vector<CauseColumn> columns = columnsOf(trace, steps);
  const size_t all = columns.size();
  columns.resize(std::min(all, kMostRanks));
  const std::string table = causeTable(columns);
  if (table.empty()) return table;
  return '\n' + table +
         (all > kMostRanks ? fmt::format("{} more ranks: --table idle-causes\n", all - kMostRanks)
                           : std::string());
}

std::string clockText(const trace::Trace& trace) {
  const std::string clock = trace.metaOr("clock", "");
  return clock.empty() ? clock : fmt::format(", {} clock", clock);
}

}  // namespace caracal::cli
