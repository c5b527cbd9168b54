// Which partitions a request wants planned: one that is given, or those that a search found.
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/plan/schedule.h"
#include "core/planner/candidate.h"
#include "core/planner/policy.h"

namespace caracal::planner {

struct PlanningTask {
  const profile::Profile& profile;
  const PlanRequest& request;
  const plan::Schedule& schedule;
  int64_t budgetBytes = 0;
  std::stop_token stop;

  bool is1F1B() const { return schedule.name.kind == plan::ScheduleKind::k1F1B; }
};

using MakeCandidate = Result<Candidate> (*)(const PlanningTask& task, plan::Plan skeleton);

// The plan of a partition that a policy has to fill in, under the task's schedule.
plan::Plan skeletonOf(const PlanningTask& task, const std::vector<int32_t>& layersOfStage);

using Partitions = std::vector<std::vector<int32_t>>;  // layers of each stage

// Partitions worth planning in full, the most promising first; at least one. For 1F1B the searches
// value a stage by itself (stage_solver.h), elsewhere each partition by what `make` makes of it;
// the policy has the last word.
Result<Partitions> partitionsFor(const PlanningTask& task, MakeCandidate make,
                                 const Progress& progress);

}  // namespace caracal::planner
