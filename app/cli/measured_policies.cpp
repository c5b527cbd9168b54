#include "app/cli/measured_policies.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/cli/comparison.h"
#include "core/base/format.h"

namespace caracal::cli {
namespace {

using analysis::RunSummary;
using analysis::StageRun;
using nlohmann::ordered_json;
using runs::MeasuredPolicy;
using runs::Measurement;
using runs::predictionErrorPct;

// Of the recomputation in windows, the part that ran while compute would have waited; 0 to 1.
std::optional<double> hiddenShare(const RunSummary& run, int64_t windowRecomputeNs) {
  if (windowRecomputeNs == 0) return std::nullopt;
  const auto hidden = static_cast<double>(sumOver(run, &StageRun::recomputeHiddenNs));
  return std::min(1.0, hidden / static_cast<double>(windowRecomputeNs));
}
std::optional<double> hiddenShare(const Measurement& measurement) {
  return hiddenShare(measurement.measured, measurement.windowRecomputeNs);
}
std::optional<double> predictedHiddenShare(const Measurement& measurement) {
  return hiddenShare(measurement.predicted, measurement.predictedWindowRecomputeNs);
}

std::string shareText(const std::optional<double>& share) {
  return share ? formatPercent(100 * *share) : "";
}

const Measurement* measurementOf(const std::vector<MeasuredPolicy>& policies,
                                 const std::string& policy) {
  for (const MeasuredPolicy& measured : policies)
    if (measured.policy == policy && measured.measurement) return &*measured.measurement;
  return nullptr;
}

std::optional<double> speedUp(const RunSummary* full, const RunSummary& run) {
  if (full == nullptr || run.stepNs == 0) return std::nullopt;
  return static_cast<double>(full->stepNs) / static_cast<double>(run.stepNs);
}

std::string ratioText(std::optional<double> ratio) {
  return ratio ? fmt::format("{:.3f}", *ratio) : "";
}

}  // namespace

std::string measuredPoliciesText(const std::vector<MeasuredPolicy>& policies) {
  const Measurement* full = measurementOf(policies, "full");
  TextTable table{
      {"policy", "predicted", "measured", "error", "in windows", "hidden predicted", "measured",
       "on the critical path", "peak predicted", "measured", "over full predicted", "measured"},
      {}};
  for (const MeasuredPolicy& row : policies) {
    if (!row.measurement) {
      table.rows.push_back(
          {row.policy, fmt::format("needs {}", formatBytes(row.smallestBudgetBytes))});
      table.rows.back().resize(table.header.size());
      continue;
    }
    const RunSummary& predicted = row.measurement->predicted;
    const RunSummary& measured = row.measurement->measured;
    const int64_t windowNs = row.measurement->windowRecomputeNs;
    table.rows.push_back(
        {row.fits ? row.policy : row.policy + " (over budget)", formatDuration(predicted.stepNs),
         formatDuration(measured.stepNs),
         fmt::format("{:+.1f} %", predictionErrorPct(*row.measurement)), formatDuration(windowNs),
         shareText(predictedHiddenShare(*row.measurement)),
         shareText(hiddenShare(*row.measurement)),
         formatDuration(sumOver(measured, &StageRun::recomputeExposedNs)),
         formatBytes(largestPeak(predicted)), formatBytes(largestPeak(measured)),
         ratioText(speedUp(full == nullptr ? nullptr : &full->predicted, predicted)),
         ratioText(speedUp(full == nullptr ? nullptr : &full->measured, measured))});
  }
  std::string text = table.render();
  for (const MeasuredPolicy& row : policies) {
    if (!row.measurement) continue;
    const RunSummary& run = row.measurement->measured;
    text += fmt::format("{} on {}; medians of {} steps; recomputation per step, all stages\n",
                        trace::name(run.tag), run.hardware, run.steps);
    if (!row.measurement->note.empty()) text += fmt::format("mind: {}\n", row.measurement->note);
    break;
  }
  return text;
}

ordered_json measuredPoliciesJson(const std::vector<MeasuredPolicy>& policies) {
  ordered_json rows = ordered_json::array();
  for (const MeasuredPolicy& row : policies) {
    ordered_json json{{"policy", row.policy}, {"fits", row.fits}};
    if (!row.fits) json["smallestBudgetBytes"] = row.smallestBudgetBytes;
    if (row.measurement) {
      const RunSummary& predicted = row.measurement->predicted;
      const RunSummary& measured = row.measurement->measured;
      const auto hidden = hiddenShare(*row.measurement);
      const auto hiddenPredicted = predictedHiddenShare(*row.measurement);
      json.update({{"tag", trace::name(measured.tag)},
                   {"clock", measured.clock},
                   {"hardware", measured.hardware},
                   {"note", row.measurement->note},
                   {"predictedStepNs", predicted.stepNs},
                   {"measuredStepNs", measured.stepNs},
                   {"predictionErrorPct", predictionErrorPct(*row.measurement)},
                   {"windowRecomputeNs", row.measurement->windowRecomputeNs},
                   {"hiddenShare", hidden ? ordered_json(*hidden) : ordered_json(nullptr)},
                   {"predictedHiddenShare",
                    hiddenPredicted ? ordered_json(*hiddenPredicted) : ordered_json(nullptr)},
                   {"exposedRecomputeNs", sumOver(measured, &StageRun::recomputeExposedNs)},
                   {"predictedPeakBytes", largestPeak(predicted)},
                   {"measuredPeakBytes", largestPeak(measured)}});
    }
    rows.push_back(std::move(json));
  }
  return {{"policies", std::move(rows)}};
}

}  // namespace caracal::cli
