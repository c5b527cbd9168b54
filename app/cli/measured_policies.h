// Several policies planned, run and set side by side: what `measure --policies` prints.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/cli/measurement.h"

namespace caracal::cli {

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
};

Result<std::vector<MeasuredPolicy>> measurePolicies(const PoliciesRequest& request,
                                                    Console& console);

// The smallest budget that a policy has a plan for, in bytes.
Result<int64_t> smallestBudgetOf(const profile::Profile& profile, const std::string& policy,
                                 Console& console);

// Speed-ups are over `full`, where it was measured too.
std::string measuredPoliciesText(const std::vector<MeasuredPolicy>& policies);
nlohmann::ordered_json measuredPoliciesJson(const std::vector<MeasuredPolicy>& policies);

}  // namespace caracal::cli
