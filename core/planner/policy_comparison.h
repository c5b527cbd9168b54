// Every policy on the same profile, budget and way to partition, side by side.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/planner/policy.h"
#include "core/profile/profile.h"
#include "core/sim/simulator.h"

namespace caracal::planner {

struct PolicyRow {
  std::string policy;  // of uniform:N and block:N the best N
  PlanOutcome outcome;
  sim::SimResult prediction;
  int64_t peakBytes = 0;                                  // of the stage that needs most
  int64_t exposedRecomputeNs = 0, hiddenRecomputeNs = 0;  // per step, all stages
  int64_t exposedOffloadNs = 0;                           // what passes wait for copies, likewise
  int64_t hostBytes = 0;                                  // of the GPU with most on its host
  // Step of `full` over this one, both with the partition that the request gave them, whether they
  // fit or not; nothing for a row that does not fit.
  std::optional<double> speedUp;
};

struct PolicyComparison {
  // In the order of policies(), without those that cannot plan the schedule.
  std::vector<PolicyRow> rows;
  bool complete = true;  // false: stopped before all policies had planned
};

// `request.policy` is not used. Once stopped, what was planned until then, the plan at hand with
// what its search had; cancelled where that is nothing.
Result<PolicyComparison> comparePolicies(const profile::Profile& profile,
                                         const PlanRequest& request, std::stop_token stop = {},
                                         const Progress& progress = {});

}  // namespace caracal::planner
