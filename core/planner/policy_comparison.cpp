#include "core/planner/policy_comparison.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace caracal::planner {
namespace {

Result<PolicyRow> rowOf(const profile::Profile& profile, PlanRequest request, std::string policy,
                        const std::stop_token& stop) {
  PolicyRow row;
  request.policy = std::move(policy);
  row.policy = request.policy;
  CARACAL_TRY(outcome, makePlan(profile, request, stop));
  row.outcome = std::move(outcome);
  // A search that was stopped has a plan all the same.
  CARACAL_TRY(prediction, sim::simulate(profile, row.outcome.plan));
  row.prediction = std::move(prediction);
  for (const sim::StageResult& stage : row.prediction.stages) {
    row.peakBytes = std::max(row.peakBytes, stage.peakBytes);
    row.exposedRecomputeNs += stage.exposedRecomputeNs;
    row.hiddenRecomputeNs += stage.hiddenRecomputeNs;
    row.exposedOffloadNs += stage.exposedOffloadNs;
    row.hostBytes = std::max(row.hostBytes, stage.hostBytes);
  }
  return row;
}

bool fits(const PolicyRow& row) {
  return row.outcome.status != PlanStatus::kInfeasible;
}

// First what fits, then what is fast; of what does not fit, what needs least memory.
bool better(const PolicyRow& a, const PolicyRow& b) {
  if (fits(a) != fits(b)) return fits(a);
  if (!fits(a)) return a.peakBytes < b.peakBytes;
  return a.outcome.stepNs < b.outcome.stepNs;
}

// N goes up to the layers of the smallest stage, as the policies demand.
Result<PolicyRow> bestOfFamily(const profile::Profile& profile, const PlanRequest& request,
                               std::string_view family, const std::stop_token& stop) {
  CARACAL_TRY(best, rowOf(profile, request, fmt::format("{}:1", family), stop));
  const std::vector<int32_t> layers = best.outcome.plan.partition();
  const int32_t most = *std::min_element(layers.begin(), layers.end());
  for (int32_t n = 2; n <= most && !stop.stop_requested(); ++n) {
    auto row = rowOf(profile, request, fmt::format("{}:{}", family, n), stop);
    // Another partition may have a stage that is smaller than n.
    if (!row && row.error().code == ErrorCode::kInvalidInput) break;
    if (!row && row.error().code == ErrorCode::kCancelled) break;
    if (!row) return tl::unexpected(row.error());
    if (better(*row, best)) best = std::move(*row);
  }
  return best;
}

}  // namespace

Result<PolicyComparison> comparePolicies(const profile::Profile& profile,
                                         const PlanRequest& request, std::stop_token stop,
                                         const Progress& progress) {
  PolicyComparison comparison;
  std::vector<PolicyRow>& rows = comparison.rows;
  for (const PolicyInfo& info : policies()) {
    if (stop.stop_requested() && !rows.empty()) {
      comparison.complete = false;
      break;
    }
    report(progress, static_cast<double>(rows.size()) / static_cast<double>(policies().size()),
           info.name);
    const bool family = info.name.ends_with(":N");
    auto row = family
                   ? bestOfFamily(profile, request, info.name.substr(0, info.name.size() - 2), stop)
                   : rowOf(profile, request, std::string(info.name), stop);
    if (!row && row.error().code == ErrorCode::kUnsupported) continue;
    if (!row && row.error().code == ErrorCode::kCancelled && !rows.empty()) {
      comparison.complete = false;
      break;
    }
    if (!row) return tl::unexpected(row.error());
    rows.push_back(std::move(*row));
  }
  const auto full = std::find_if(rows.begin(), rows.end(),
                                 [](const PolicyRow& row) { return row.policy == "full"; });
  for (PolicyRow& row : rows) {
    if (full == rows.end() || !fits(row) || row.prediction.stepNs == 0) continue;
    row.speedUp =
        static_cast<double>(full->prediction.stepNs) / static_cast<double>(row.prediction.stepNs);
  }
  return comparison;
}

}  // namespace caracal::planner
