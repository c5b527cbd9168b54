#include "app/cli/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/format.h"

namespace caracal::cli {
namespace {

using analysis::changePct;
using analysis::RunSummary;
using analysis::StageRun;
using nlohmann::ordered_json;

std::string columnTitle(const RunSummary& run) {
  std::string title = fmt::format("{} ({}", run.name, trace::name(run.tag));
  if (!run.clock.empty() && run.clock != trace::name(run.tag))
    title += fmt::format(", {} clock", run.clock);
  return title + ')';
}

std::string changeText(int64_t first, int64_t second) {
  return first == 0 ? "" : fmt::format("{:+.1f} %", changePct(first, second));
}

struct Figure {
  const char* label;
  int64_t StageRun::*value;
  std::string (*format)(int64_t);
};

constexpr Figure kStageFigures[] = {
    {"forward", &StageRun::forwardNs, formatDuration},
    {"backward", &StageRun::backwardNs, formatDuration},
    {"bubble", &StageRun::bubbleNs, formatDuration},
    {"recompute hidden", &StageRun::recomputeHiddenNs, formatDuration},
    {"recompute exposed", &StageRun::recomputeExposedNs, formatDuration},
    {"peak memory", &StageRun::peakBytes, formatBytes}};

void addStageRows(TextTable& table, const StageRun& first, const StageRun& second) {
  for (const Figure& figure : kStageFigures) {
    const int64_t a = first.*figure.value, b = second.*figure.value;
    if (a == 0 && b == 0) continue;
    table.rows.push_back({fmt::format("stage {} {}", first.stage, figure.label), figure.format(a),
                          figure.format(b), changeText(a, b)});
  }
}

}  // namespace

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

ordered_json comparisonJson(const RunSummary& first, const RunSummary& second) {
  return {{"first", runJson(first)},
          {"second", runJson(second)},
          {"change",
           {{"stepPct", changePct(first.stepNs, second.stepNs)},
            {"pipelinePct", changePct(first.pipelineNs, second.pipelineNs)},
            {"bubblePoints", second.bubblePct - first.bubblePct}}},
          {"cautions", analysis::cautions(first, second)}};
}

std::string comparisonText(const RunSummary& first, const RunSummary& second) {
  TextTable table{{"", columnTitle(first), columnTitle(second), "change"}, {}};
  table.rows.push_back({"step", formatDuration(first.stepNs), formatDuration(second.stepNs),
                        changeText(first.stepNs, second.stepNs)});
  table.rows.push_back({"pipeline window", formatDuration(first.pipelineNs),
                        formatDuration(second.pipelineNs),
                        changeText(first.pipelineNs, second.pipelineNs)});
  table.rows.push_back({"bubbles", formatPercent(first.bubblePct), formatPercent(second.bubblePct),
                        fmt::format("{:+.2f} points", second.bubblePct - first.bubblePct)});
  for (const StageRun& stage : first.stages) {
    const auto other =
        std::find_if(second.stages.begin(), second.stages.end(),
                     [&](const StageRun& candidate) { return candidate.stage == stage.stage; });
    if (other != second.stages.end()) addStageRows(table, stage, *other);
  }
  std::string text = table.render();
  for (const std::string& caution : analysis::cautions(first, second))
    text += "mind: " + caution + '\n';
  return text;
}

}  // namespace caracal::cli
