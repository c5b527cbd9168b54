#include "app/cli/plan_verb_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/format.h"

namespace caracal::cli {
namespace {

using nlohmann::ordered_json;
using planner::ParetoPoint;
using planner::PlanStatus;
using planner::PolicyRow;

std::string gapText(const planner::PlanOutcome& outcome) {
  const std::optional<double> gap = planner::gapOf(outcome);
  return gap ? formatPercent(100 * *gap) : "-";
}

std::string layersText(const planner::LayerExplanation& layers) {
  if (layers.firstLayer == layers.lastLayer) return fmt::format("layer {}", layers.firstLayer);
  return fmt::format("layers {} to {}", layers.firstLayer, layers.lastLayer);
}

}  // namespace

std::string comparisonText(const std::vector<PolicyRow>& rows) {
  // Columns of copies only where something is copied.
  const bool copies =
      std::any_of(rows.begin(), rows.end(), [](const PolicyRow& row) { return row.hostBytes > 0; });
  TextTable table{{"policy", "status", "step", "over full", "recompute exposed", "hidden"}, {}};
  if (copies) table.header.insert(table.header.end(), {"copies exposed", "on the host"});
  table.header.insert(table.header.end(), {"peak memory", "gap", "search"});
  for (const PolicyRow& row : rows) {
    const bool fits = row.outcome.status != PlanStatus::kInfeasible;
    std::vector<std::string> cells{row.policy,
                                   std::string(name(row.outcome.status)),
                                   fits ? formatDuration(row.prediction.stepNs) : "-",
                                   row.speedUp ? fmt::format("{:.3f}x", *row.speedUp) : "-",
                                   formatDuration(row.exposedRecomputeNs),
                                   formatDuration(row.hiddenRecomputeNs)};
    if (copies) {
      cells.push_back(formatDuration(row.exposedOffloadNs));
      cells.push_back(formatBytes(row.hostBytes));
    }
    cells.insert(cells.end(), {formatBytes(row.peakBytes), fits ? gapText(row.outcome) : "-",
                               fmt::format("{:.3f} s", row.outcome.searchSeconds)});
    table.rows.push_back(std::move(cells));
  }
  return table.render() +
         "steps are simulated; exposed and hidden recomputation per step, summed over stages\n";
}

ordered_json comparisonJson(const std::vector<PolicyRow>& rows) {
  ordered_json document = ordered_json::array();
  for (const PolicyRow& row : rows) {
    const std::optional<double> gap = planner::gapOf(row.outcome);
    document.push_back({{"policy", row.policy},
                        {"status", name(row.outcome.status)},
                        {"partition", row.outcome.plan.partition()},
                        {"stepNs", row.prediction.stepNs},
                        {"speedUpOverFull", row.speedUp ? ordered_json(*row.speedUp) : nullptr},
                        {"exposedRecomputeNs", row.exposedRecomputeNs},
                        {"hiddenRecomputeNs", row.hiddenRecomputeNs},
                        {"exposedOffloadNs", row.exposedOffloadNs},
                        {"hostBytes", row.hostBytes},
                        {"peakBytes", row.peakBytes},
                        {"boundNs", row.outcome.boundNs},
                        {"gap", gap ? ordered_json(*gap) : nullptr},
                        {"smallestBudgetBytes", row.outcome.smallestBudgetBytes},
                        {"tightestStage", row.outcome.tightestStage},
                        {"searchSeconds", row.outcome.searchSeconds},
                        {"notes", row.outcome.notes}});
  }
  return document;
}

std::string paretoText(const planner::ParetoFront& front, const profile::Profile& profile) {
  TextTable table{{"peak memory", "step", "recompute exposed", "hidden", "status", "partition"},
                  {}};
  for (const ParetoPoint& point : front.points) {
    const bool beyond =
        profile.memory.capacityBytes > 0 && point.peakBytes > profile.memory.capacityBytes;
    table.rows.push_back({formatBytes(point.peakBytes), formatDuration(point.stepNs),
                          formatDuration(point.exposedRecomputeNs),
                          formatDuration(point.hiddenRecomputeNs),
                          std::string(name(point.status)) + (beyond ? ", beyond the device" : ""),
                          fmt::format("{}", fmt::join(point.plan.partition(), ","))});
  }
  const std::string from =
      front.smallestBudgetBytes > 0 ? formatBytes(front.smallestBudgetBytes) : "?";
  return fmt::format("policy {}: {} plans from {} to {} per GPU, steps simulated\n", front.policy,
                     front.plans, from, formatBytes(front.largestPeakBytes)) +
         table.render();
}

std::string explanationText(const planner::PlanExplanation& explanation) {
  std::string text = explanation.summary + '\n';
  for (const planner::StageExplanation& stage : explanation.stages) {
    text += fmt::format("\nstage {}\n", stage.stage);
    for (const std::string& limit : stage.limits) text += "  " + limit + '\n';
    for (const planner::LayerExplanation& layers : stage.layers) {
      text += "  " + layersText(layers) + '\n';
      size_t width = 0;
      for (const auto& tensor : layers.tensors) width = std::max(width, tensor.tensor.size());
      for (const auto& tensor : layers.tensors)
        text += fmt::format("    {:<{}}  {}\n", tensor.tensor, width, tensor.words);
    }
  }
  return text;
}

ordered_json explanationJson(const planner::PlanExplanation& explanation) {
  ordered_json document{{"summary", explanation.summary}, {"stages", ordered_json::array()}};
  for (const planner::StageExplanation& stage : explanation.stages) {
    ordered_json layers = ordered_json::array();
    for (const planner::LayerExplanation& group : stage.layers) {
      ordered_json tensors = ordered_json::array();
      for (const auto& tensor : group.tensors) {
        tensors.push_back({{"tensor", tensor.tensor},
                           {"placement", plan::toText(tensor.placement)},
                           {"why", tensor.words}});
      }
      layers.push_back(
          {{"firstLayer", group.firstLayer}, {"lastLayer", group.lastLayer}, {"tensors", tensors}});
    }
    document["stages"].push_back(
        {{"stage", stage.stage}, {"limits", stage.limits}, {"layers", layers}});
  }
  return document;
}

}  // namespace caracal::cli
