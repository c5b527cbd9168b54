// What `caracal plan` prints besides one plan: the comparison of policies, the Pareto front, and a
// plan explained in words.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/planner/explain.h"
#include "core/planner/pareto.h"
#include "core/planner/policy_comparison.h"

namespace caracal::cli {

std::string comparisonText(const std::vector<planner::PolicyRow>& rows);
nlohmann::ordered_json comparisonJson(const std::vector<planner::PolicyRow>& rows);

std::string paretoText(const planner::ParetoFront& front, const profile::Profile& profile);

std::string explanationText(const planner::PlanExplanation& explanation);
nlohmann::ordered_json explanationJson(const planner::PlanExplanation& explanation);

}  // namespace caracal::cli
