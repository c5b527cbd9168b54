// The table of policies: their names, and what makes a plan of a partition.
#pragma once

#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/planner/planned_partitions.h"
#include "core/planner/policy.h"

namespace caracal::planner {

struct PolicyEntry {
  PolicyInfo info;
  MakeCandidate make;           // for 1F1B
  MakeCandidate makeScheduled;  // for other schedules; null: it cannot plan them
};
const std::vector<PolicyEntry>& policyEntries();

// What makes plans of this policy under the task's schedule. Fails, in words, for an unknown name
// and for a schedule that the policy cannot plan.
Result<MakeCandidate> makerOf(std::string_view policy, const PlanningTask& task);

}  // namespace caracal::planner
