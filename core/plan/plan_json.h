// The plan document "caracal.plan/1".
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/plan/plan.h"

namespace caracal::plan {

inline constexpr std::string_view kPlanSchema = "caracal.plan/1";

// Equal layer policies are written once and referred to by index; placements are a map operator id
// -> text. Needs the profile for the operator ids of each layer kind.
std::string toJson(const Plan& plan, const profile::Profile& profile);
Result<Plan> planFromJson(std::string_view text, const profile::Profile& profile);
// For programs that have no profile (caracal-run): operator ids come from the document itself.
struct PlanDocument {
  Plan plan;
  std::vector<std::vector<std::string>>
      operatorIds;  // per global layer, aligned with its placements
};
Result<PlanDocument> planDocumentFromJson(std::string_view text);
Result<Plan> loadPlan(const std::string& path, const profile::Profile& profile);
Result<void> savePlan(const Plan& plan, const profile::Profile& profile, const std::string& path);

}  // namespace caracal::plan
