// Several measured policies side by side: what `measure --policies` prints.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "app/runs/measured_policies.h"

namespace caracal::cli {

// Speed-ups are over `full`, where it was measured too.
std::string measuredPoliciesText(const std::vector<runs::MeasuredPolicy>& policies);
nlohmann::ordered_json measuredPoliciesJson(const std::vector<runs::MeasuredPolicy>& policies);

}  // namespace caracal::cli
