#include "app/cli/measured_policies.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/cli/comparison.h"
#include "core/base/format.h"

namespace caracal::cli {
namespace {

using analysis::RunSummary;
using analysis::StageRun;
using nlohmann::ordered_json;
using runs::errorWithoutDriftPct;
using runs::MachineDrift;
using runs::MeasuredPolicies;
using runs::MeasuredPolicy;
using runs::Measurement;
using runs::predictionErrorPct;

// Of the recomputation in open windows, the part that ran while compute would have waited; 0 to 1.
std::optional<double> hiddenShare(const analysis::WindowTotals& windows) {
  if (windows.openNs == 0) return std::nullopt;
  return static_cast<double>(windows.hiddenNs) / static_cast<double>(windows.openNs);
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

std::vector<std::string> measuredRow(const MeasuredPolicy& row,
                                     const std::optional<MachineDrift>& drift,
                                     const Measurement* full) {
  const Measurement& measurement = *row.measurement;
  const RunSummary& predicted = measurement.predicted;
  const RunSummary& measured = measurement.measured;
  return {row.fits ? row.policy : row.policy + " (over budget)",
          formatDuration(predicted.stepNs),
          formatDuration(measured.stepNs),
          fmt::format("{:+.1f} %", predictionErrorPct(measurement)),
          drift ? fmt::format("{:+.1f} %", errorWithoutDriftPct(*drift, measurement)) : "",
          formatDuration(measurement.measuredWindows.placedNs),
          formatDuration(measurement.measuredWindows.openNs),
          shareText(hiddenShare(measurement.predictedWindows)),
          shareText(hiddenShare(measurement.measuredWindows)),
          formatDuration(sumOver(measured, &StageRun::recomputeExposedNs)),
          formatBytes(largestPeak(predicted)),
          formatBytes(largestPeak(measured)),
          ratioText(speedUp(full == nullptr ? nullptr : &full->predicted, predicted)),
          ratioText(speedUp(full == nullptr ? nullptr : &full->measured, measured))};
}

std::string driftText(const MachineDrift& drift) {
  std::vector<std::string> rounds;
  for (const int64_t ns : drift.roundsNs) rounds.push_back(formatDuration(ns));
  const double percent = driftPct(drift);
  return fmt::format(
      "this machine ran the profile's own plan {:.1f} % {} than when it was profiled: {}, then {} "
      "(by round {})\n",
      std::abs(percent), percent < 0 ? "faster" : "slower", formatDuration(drift.profiledNs),
      formatDuration(drift.nowNs), fmt::join(rounds, ", "));
}

ordered_json driftJson(const MachineDrift& drift) {
  return {{"profiledNs", drift.profiledNs},
          {"nowNs", drift.nowNs},
          {"percent", driftPct(drift)},
          {"roundsNs", drift.roundsNs}};
}

ordered_json measurementJson(const Measurement& measurement,
                             const std::optional<MachineDrift>& drift) {
  const RunSummary& predicted = measurement.predicted;
  const RunSummary& measured = measurement.measured;
  const auto orNull = [](const std::optional<double>& value) {
    return value ? ordered_json(*value) : ordered_json(nullptr);
  };
  return {{"tag", trace::name(measured.tag)},
          {"clock", measured.clock},
          {"hardware", measured.hardware},
          {"note", measurement.note},
          {"steps", measured.steps},
          {"predictedStepNs", predicted.stepNs},
          {"measuredStepNs", measured.stepNs},
          {"predictionErrorPct", predictionErrorPct(measurement)},
          {"errorWithoutDriftPct",
           drift ? ordered_json(errorWithoutDriftPct(*drift, measurement)) : ordered_json(nullptr)},
          {"windowRecomputeNs", measurement.measuredWindows.placedNs},
          {"openWindowRecomputeNs", measurement.measuredWindows.openNs},
          {"hiddenShare", orNull(hiddenShare(measurement.measuredWindows))},
          {"predictedHiddenShare", orNull(hiddenShare(measurement.predictedWindows))},
          {"exposedRecomputeNs", sumOver(measured, &StageRun::recomputeExposedNs)},
          {"predictedPeakBytes", largestPeak(predicted)},
          {"measuredPeakBytes", largestPeak(measured)}};
}

}  // namespace

std::string measuredPoliciesText(const MeasuredPolicies& measured) {
  const Measurement* full = measurementOf(measured.policies, "full");
  TextTable table{{"policy", "predicted", "measured", "error", "without drift", "in windows",
                   "of it open", "hidden predicted", "measured", "on the critical path",
                   "peak predicted", "measured", "over full predicted", "measured"},
                  {}};
  for (const MeasuredPolicy& row : measured.policies) {
    if (row.measurement) {
      table.rows.push_back(measuredRow(row, measured.drift, full));
      continue;
    }
    table.rows.push_back(
        {row.policy, fmt::format("needs {}", formatBytes(row.smallestBudgetBytes))});
    table.rows.back().resize(table.header.size());
  }
  std::string text = table.render();
  for (const MeasuredPolicy& row : measured.policies) {
    if (!row.measurement) continue;
    const RunSummary& run = row.measurement->measured;
    text +=
        fmt::format("{} on {}; medians of {} steps in {}; recomputation per step, all stages\n",
                    trace::name(run.tag), run.hardware, run.steps,
                    measured.rounds == 1 ? "one run" : fmt::format("{} rounds", measured.rounds));
    if (!row.measurement->note.empty()) text += fmt::format("mind: {}\n", row.measurement->note);
    break;
  }
  if (measured.drift) text += driftText(*measured.drift);
  return text;
}

ordered_json measuredPoliciesJson(const MeasuredPolicies& measured) {
  ordered_json rows = ordered_json::array();
  for (const MeasuredPolicy& row : measured.policies) {
    ordered_json json{{"policy", row.policy}, {"fits", row.fits}};
    if (!row.fits) json["smallestBudgetBytes"] = row.smallestBudgetBytes;
    if (row.measurement) json.update(measurementJson(*row.measurement, measured.drift));
    rows.push_back(std::move(json));
  }
  return {{"rounds", measured.rounds},
          {"drift", measured.drift ? driftJson(*measured.drift) : ordered_json(nullptr)},
          {"policies", std::move(rows)}};
}

}  // namespace caracal::cli
