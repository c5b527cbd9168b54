// Policies: from a profile, a partition and a budget to a Plan. One interface, one result type.
// A plan's value is its simulated step time, so this folder sits above core/plan and core/sim.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/plan/plan.h"
#include "core/profile/profile.h"

namespace caracal::planner {

struct PolicyInfo {
  std::string_view name;         // as typed: "uniform:N"
  std::string_view description;  // one sentence for lists and help
};
const std::vector<PolicyInfo>& policies();

enum class PartitionMode : uint8_t {
  kEven,    // the first stages take the remainder
  kGiven,   // PlanRequest::layersOfStage
  kGreedy,  // the move search of Lynx, from even
  kDp,      // the smallest largest stage time, exactly
  kSearch,  // local search on the simulated step, from even, kGreedy and kDp
};

// "even", "greedy", "dp", "search"; given layers have no name.
std::optional<PartitionMode> partitionModeFromName(std::string_view text);

struct PlanRequest {
  std::string policy = "heu+";
  int64_t budgetBytes = 0;  // per GPU; 0: the profile's memory capacity, or no limit when unknown
  PartitionMode partition = PartitionMode::kEven;
  std::vector<int32_t> layersOfStage;  // for kGiven
  std::string schedule;                // plan/schedule.h; empty: the profile's
  bool offload = false;  // may put tensors on the host; the profile must know its link
  // Wall time after which a search returns what it has; 0: its own limits, which count search nodes
  // and so give the same plan everywhere.
  double timeLimitSeconds = 0;
};

// Fixed policies (none ... block:N) and knapsack are kFeasible or kInfeasible. The objective of
// checkmate is the step; that of heu is the time that recomputation adds to each stage by itself
// (heu_search.h); that of opt is the step. boundNs bounds the whole step.
enum class PlanStatus : uint8_t {
  kOptimal,     // proven: no plan of this policy and partition has a smaller objective
  kFeasible,    // fits; nothing is claimed about better ones
  kInfeasible,  // nothing of this policy fits; see smallestBudgetBytes
  kTimeLimit,   // stopped early with what it had
};
std::string_view name(PlanStatus status);  // "optimal", "feasible", "infeasible", "timeLimit"

struct PlanOutcome {
  PlanStatus status = PlanStatus::kFeasible;
  plan::Plan plan;      // when infeasible: the plan that needs least memory
  int64_t stepNs = 0;   // simulated
  int64_t boundNs = 0;  // lower bound on stepNs for this policy, partition and budget; 0: none
  double searchSeconds = 0;
  // When infeasible: the smallest budget under which the request is feasible for this partition, or
  // one that is known to suffice if a note says that the search for it ended early.
  int64_t smallestBudgetBytes = 0;
  int32_t tightestStage = -1;      // the stage with the highest peak
  std::vector<std::string> notes;  // what limited the plan, in words
};
// (stepNs - boundNs) / stepNs; nothing without a bound.
std::optional<double> gapOf(const PlanOutcome& outcome);

// `stop` ends the search as a time limit does: with the best plan found until then, its bound and
// its gap. Fails only for bad requests (unknown policy, impossible partition or schedule), for what
// cannot be planned (kUnsupported, with what can), and when it is stopped before any plan that fits
// was found (kCancelled); "nothing fits" is an outcome. Schedules other
// than 1F1B take every policy but opt, and every partition but dp.
Result<PlanOutcome> makePlan(const profile::Profile& profile, const PlanRequest& request,
                             std::stop_token stop = {}, const Progress& progress = {});

// Layers of each stage (chunk, where a schedule cuts the model finer): even, the first take the
// remainder; checked.
Result<std::vector<int32_t>> evenPartition(int32_t layers, int32_t stages);

}  // namespace caracal::planner
