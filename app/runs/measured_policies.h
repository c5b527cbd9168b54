// Several policies planned and run one after the other on one profile.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/runs/measurement.h"

namespace caracal::runs {

struct MeasuredPolicy {
  std::string policy;
  bool fits = true;                        // into the budget
  std::optional<Measurement> measurement;  // nothing where no plan fits; fixed policies run anyway
  int64_t smallestBudgetBytes = 0;         // where none fits: the one that would
};

struct PoliciesRequest {
  std::string profile;  // path
  std::vector<std::string> policies;
  int64_t budgetBytes = 0;  // 0: the profile's memory
  std::string folder;       // for <policy>.plan.json and <policy>.sqlite
  std::string clock;
  int steps = 5;
  std::string backend = {};  // as in MeasureJob
};

Result<std::vector<MeasuredPolicy>> measurePolicies(const PoliciesRequest& request,
                                                    const Watch& watch);

// The plan of a policy that needs the least memory, written to `path`.
Result<void> savePlanOfLeastMemory(const profile::Profile& profile, const std::string& policy,
                                   const std::string& path, const std::stop_token& stop);

}  // namespace caracal::runs
