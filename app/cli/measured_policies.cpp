#include "app/cli/measured_policies.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "app/cli/comparison.h"
#include "core/base/format.h"
#include "core/plan/plan_json.h"
#include "core/planner/policy.h"
#include "core/planner/replay_error.h"
#include "core/profile/profile_json.h"

namespace caracal::cli {
namespace {

using analysis::RunSummary;
using analysis::StageRun;
using nlohmann::ordered_json;

// Of the recomputation in windows, the part that ran while compute would have waited; 0 to 1.
std::optional<double> hiddenShare(const Measurement& measurement) {
  if (measurement.windowRecomputeNs == 0) return std::nullopt;
  const auto hidden =
      static_cast<double>(sumOver(measurement.measured, &StageRun::recomputeHiddenNs));
  return std::min(1.0, hidden / static_cast<double>(measurement.windowRecomputeNs));
}

// A policy's name as a file's: "uniform:2" becomes "uniform-2".
std::string fileName(std::string policy) {
  std::replace(policy.begin(), policy.end(), ':', '-');
  return policy;
}

Result<MeasuredPolicy> measurePolicy(const PoliciesRequest& request,
                                     const profile::Profile& profile, const std::string& policy,
                                     Console& console) {
  planner::PlanRequest wanted;
  wanted.policy = policy;
  wanted.budgetBytes = request.budgetBytes;
  CARACAL_TRY(outcome, planner::makePlan(profile, wanted, console.stop));
  MeasuredPolicy result{policy, outcome.status != planner::PlanStatus::kInfeasible, std::nullopt,
                        outcome.smallestBudgetBytes};
  if (!result.fits) {
    if (!planner::ignoresBudget(policy)) return result;
    wanted.budgetBytes = std::numeric_limits<int64_t>::max();
    CARACAL_TRY(unlimited, planner::makePlan(profile, wanted, console.stop));
    outcome = std::move(unlimited);
  }
  const std::filesystem::path folder(request.folder);
  MeasureRequest run;
  run.profile = request.profile;
  run.plan = (folder / (fileName(policy) + ".plan.json")).string();
  run.recording = (folder / (fileName(policy) + ".sqlite")).string();
  run.clock = request.clock;
  run.steps = request.steps;
  CARACAL_CHECK_OK(plan::savePlan(outcome.plan, profile, run.plan));
  CARACAL_TRY(simulated,
              sim::simulate(profile, outcome.plan, {sim::TraceDetail::kOperators}, console.stop));
  CARACAL_TRY(measurement,
              measure(run, {profile, std::move(outcome.plan), std::move(simulated)}, console));
  result.measurement = std::move(measurement);
  return result;
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

Result<int64_t> smallestBudgetOf(const profile::Profile& profile, const std::string& policy,
                                 Console& console) {
  planner::PlanRequest request;
  request.policy = policy;
  request.budgetBytes = 1;
  CARACAL_TRY(outcome, planner::makePlan(profile, request, console.stop));
  return outcome.smallestBudgetBytes;
}

Result<std::vector<MeasuredPolicy>> measurePolicies(const PoliciesRequest& request,
                                                    Console& console) {
  std::error_code error;
  std::filesystem::create_directories(request.folder, error);
  if (error)
    return fail(ErrorCode::kIo, "cannot make the folder {}: {}", request.folder, error.message());
  CARACAL_TRY(profile, profile::loadProfile(request.profile));
  std::vector<MeasuredPolicy> results;
  for (const std::string& policy : request.policies) {
    auto result = measurePolicy(request, profile, policy, console);
    if (!result) return tl::unexpected(at(result.error(), policy));
    results.push_back(std::move(*result));
  }
  return results;
}

std::string measuredPoliciesText(const std::vector<MeasuredPolicy>& policies) {
  const Measurement* full = measurementOf(policies, "full");
  TextTable table{
      {"policy", "predicted", "measured", "error", "in windows", "hidden", "on the critical path",
       "peak predicted", "measured", "over full predicted", "measured"},
      {}};
  for (const MeasuredPolicy& row : policies) {
    if (!row.measurement) {
      table.rows.push_back(
          {row.policy, fmt::format("needs {}", formatBytes(row.smallestBudgetBytes))});
      table.rows.back().resize(table.header.size());
      continue;
    }
    const auto& [predicted, measured, windowNs, note] = *row.measurement;
    const auto hidden = hiddenShare(*row.measurement);
    table.rows.push_back(
        {row.fits ? row.policy : row.policy + " (over budget)", formatDuration(predicted.stepNs),
         formatDuration(measured.stepNs),
         fmt::format("{:+.1f} %", predictionErrorPct(*row.measurement)), formatDuration(windowNs),
         hidden ? formatPercent(100 * *hidden) : "",
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
      const auto& [predicted, measured, windowNs, note] = *row.measurement;
      const auto hidden = hiddenShare(*row.measurement);
      json.update({{"tag", trace::name(measured.tag)},
                   {"clock", measured.clock},
                   {"hardware", measured.hardware},
                   {"note", note},
                   {"predictedStepNs", predicted.stepNs},
                   {"measuredStepNs", measured.stepNs},
                   {"predictionErrorPct", predictionErrorPct(*row.measurement)},
                   {"windowRecomputeNs", windowNs},
                   {"hiddenShare", hidden ? ordered_json(*hidden) : ordered_json(nullptr)},
                   {"exposedRecomputeNs", sumOver(measured, &StageRun::recomputeExposedNs)},
                   {"predictedPeakBytes", largestPeak(predicted)},
                   {"measuredPeakBytes", largestPeak(measured)}});
    }
    rows.push_back(std::move(json));
  }
  return {{"policies", std::move(rows)}};
}

}  // namespace caracal::cli
