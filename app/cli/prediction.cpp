#include "app/cli/prediction.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/format.h"

namespace caracal::cli {
namespace {

using nlohmann::ordered_json;
using sim::StageResult;

ordered_json stageJson(const StageResult& stage) {
  return {{"stage", stage.stage},
          {"layers", stage.layers},
          {"forwardNs", stage.forwardNs},
          {"backwardNs", stage.backwardNs},
          {"busyNs", stage.busyNs},
          {"bubbleNs", stage.bubbleNs},
          {"exposedRecomputeNs", stage.exposedRecomputeNs},
          {"hiddenRecomputeNs", stage.hiddenRecomputeNs},
          {"exposedOffloadNs", stage.exposedOffloadNs},
          {"exposedReduceNs", stage.exposedReduceNs},
          {"staticBytes", stage.staticBytes},
          {"peakBytes", stage.peakBytes},
          {"budgetBytes", stage.budgetBytes},
          {"hostBytes", stage.hostBytes}};
}

std::string budgetText(const StageResult& stage) {
  if (stage.budgetBytes == 0) return "no limit";
  return formatBytes(stage.budgetBytes) +
         (stage.peakBytes > stage.budgetBytes ? " (exceeded)" : "");
}

std::string hostText(const sim::SimResult& result) {
  int64_t most = 0;
  for (const StageResult& stage : result.stages) most = std::max(most, stage.hostBytes);
  return most == 0 ? "" : fmt::format("host memory: up to {} a GPU\n", formatBytes(most));
}

std::string exposedText(const sim::SimResult& result, const char* what,
                        int64_t StageResult::*exposedNs) {
  int64_t mostNs = 0;
  for (const StageResult& stage : result.stages) mostNs = std::max(mostNs, stage.*exposedNs);
  if (mostNs == 0) return {};
  return fmt::format("{}: up to {} a stage\n", what, formatDuration(mostNs));
}

}  // namespace

ordered_json predictionJson(const sim::SimResult& result) {
  ordered_json json{{"stepNs", result.stepNs},       {"pipelineNs", result.pipelineNs},
                    {"bubblePct", result.bubblePct}, {"zbBubbleRate", result.zbBubbleRate},
                    {"fits", result.fits},           {"stages", ordered_json::array()}};
  for (const StageResult& stage : result.stages) json["stages"].push_back(stageJson(stage));
  return json;
}

std::string predictionText(const sim::SimResult& result, std::string_view tag) {
  TextTable table{{"stage", "layers", "F", "B", "recompute hidden", "exposed", "bubble",
                   "peak memory", "budget"},
                  {}};
  for (const StageResult& stage : result.stages) {
    table.rows.push_back({std::to_string(stage.stage), std::to_string(stage.layers),
                          formatDuration(stage.forwardNs), formatDuration(stage.backwardNs),
                          formatDuration(stage.hiddenRecomputeNs),
                          formatDuration(stage.exposedRecomputeNs), formatDuration(stage.bubbleNs),
                          formatBytes(stage.peakBytes), budgetText(stage)});
  }
  return fmt::format("step {} ({}), bubbles {}\n", formatDuration(result.stepNs), tag,
                     formatPercent(result.bubblePct)) +
         table.render() + hostText(result) +
         exposedText(result, "copies to and from the host waited for",
                     &StageResult::exposedOffloadNs) +
         exposedText(result, "data-parallel reduction waited for", &StageResult::exposedReduceNs);
}

ordered_json replayJson(const std::optional<planner::ReplayError>& replay) {
  if (!replay) return nullptr;
  return {{"observedNs", replay->observedNs},
          {"simulatedNs", replay->simulatedNs},
          {"errorPct", replay->percent}};
}

std::string replayText(const std::optional<planner::ReplayError>& replay) {
  if (!replay) return {};
  return fmt::format("replay error: the profile's own run took {}, replayed it is {} ({:+.1f} %)\n",
                     formatDuration(replay->observedNs), formatDuration(replay->simulatedNs),
                     replay->percent);
}

std::string profileTagText(const profile::Profile& profile) {
  if (profile.tag == profile.stageTag) return std::string(trace::name(profile.tag));
  return fmt::format("operators {}, stages and links {}", trace::name(profile.tag),
                     trace::name(profile.stageTag));
}

}  // namespace caracal::cli
