#include "core/planner/pareto.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/json_writer.h"
#include "core/profile/profile_json.h"
#include "core/sim/simulator.h"

namespace caracal::planner {
namespace {

using nlohmann::ordered_json;

Result<ParetoPoint> pointAt(const profile::Profile& profile, PlanRequest request,
                            int64_t budgetBytes, const std::stop_token& stop) {
  request.budgetBytes = budgetBytes;
  CARACAL_TRY(outcome, makePlan(profile, request, stop));
  // A search that was stopped has a plan all the same.
  CARACAL_TRY(simulated, sim::simulate(profile, outcome.plan));
  ParetoPoint point;
  point.budgetBytes = budgetBytes;
  point.stepNs = simulated.stepNs;
  point.boundNs = outcome.boundNs;
  point.status = outcome.status;
  point.searchSeconds = outcome.searchSeconds;
  for (const sim::StageResult& stage : simulated.stages) {
    point.peakBytes = std::max(point.peakBytes, stage.peakBytes);
    point.exposedRecomputeNs += stage.exposedRecomputeNs;
    point.hiddenRecomputeNs += stage.hiddenRecomputeNs;
  }
  point.plan = std::move(outcome.plan);
  return point;
}

void keepNonDominated(std::vector<ParetoPoint>& points) {
  std::stable_sort(points.begin(), points.end(), [](const ParetoPoint& a, const ParetoPoint& b) {
    return std::pair(a.peakBytes, a.stepNs) < std::pair(b.peakBytes, b.stepNs);
  });
  int64_t fastestNs = std::numeric_limits<int64_t>::max();
  std::erase_if(points, [&](const ParetoPoint& point) {
    if (point.stepNs >= fastestNs) return true;
    fastestNs = point.stepNs;
    return false;
  });
}

ordered_json pointJson(const ParetoPoint& point) {
  return {{"budgetBytes", point.budgetBytes},
          {"peakBytes", point.peakBytes},
          {"stepNs", point.stepNs},
          {"boundNs", point.boundNs},
          {"status", name(point.status)},
          {"exposedRecomputeNs", point.exposedRecomputeNs},
          {"hiddenRecomputeNs", point.hiddenRecomputeNs},
          {"partition", point.plan.partition()},
          {"planHash", plan::hashOf(point.plan)},
          {"searchSeconds", point.searchSeconds}};
}

}  // namespace

Result<ParetoFront> paretoFront(const profile::Profile& profile, PlanRequest request,
                                const ParetoOptions& options, std::stop_token stop,
                                const Progress& progress) {
  constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();
  ParetoFront front;
  front.policy = request.policy;
  CARACAL_TRY(free, pointAt(profile, request, kUnlimited, stop));
  front.largestPeakBytes = free.peakBytes;
  free.budgetBytes = free.peakBytes;
  int64_t peakBytes = free.peakBytes;
  front.points.push_back(std::move(free));
  front.plans = 1;
  request.budgetBytes = 1;
  const auto impossible = makePlan(profile, request, stop);
  front.complete = !stop.stop_requested();
  if (!front.complete) return front;
  if (!impossible) return tl::unexpected(impossible.error());
  front.smallestBudgetBytes = std::min(impossible->smallestBudgetBytes, front.largestPeakBytes);
  ++front.plans;
  const int64_t range = front.largestPeakBytes - front.smallestBudgetBytes;
  const int64_t steps = std::max(1, options.budgets - 1);
  for (int64_t i = 1; i <= steps; ++i) {
    report(progress, static_cast<double>(i) / static_cast<double>(steps), "sweeping budgets");
    const int64_t budget = front.largestPeakBytes - range / steps * i;
    const bool last = i == steps;
    const int64_t asked = last ? front.smallestBudgetBytes : budget;
    if (asked >= peakBytes) continue;
    auto point = pointAt(profile, request, asked, stop);
    front.complete = !stop.stop_requested();
    if (!point && front.complete) return tl::unexpected(point.error());
    if (point) ++front.plans;
    if (point && point->status != PlanStatus::kInfeasible) {
      peakBytes = point->peakBytes;
      front.points.push_back(std::move(*point));
    }
    if (!front.complete) break;
  }
  keepNonDominated(front.points);
  return front;
}

std::string toJson(const ParetoFront& front, const profile::Profile& profile) {
  ordered_json document{{"schema", kParetoSchema},
                        {"policy", front.policy},
                        {"profileHash", profile::hashOf(profile)},
                        {"profileTag", trace::name(profile.tag)},
                        {"tag", "simulated"},
                        {"capacityBytes", profile.memory.capacityBytes},
                        {"smallestBudgetBytes", front.smallestBudgetBytes},
                        {"largestPeakBytes", front.largestPeakBytes},
                        {"plans", front.plans},
                        {"complete", front.complete},
                        {"points", ordered_json::array()}};
  for (const ParetoPoint& point : front.points) document["points"].push_back(pointJson(point));
  return prettyJson(document);
}

}  // namespace caracal::planner
