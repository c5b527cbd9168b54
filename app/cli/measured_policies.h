// Several measured policies side by side: what `measure --policies` prints.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "app/runs/measured_policies.h"

namespace caracal::cli {

// Speed-ups are over `full`, where it was measured too.
std::string measuredPoliciesText(const runs::MeasuredPolicies& measured);
nlohmann::ordered_json measuredPoliciesJson(const runs::MeasuredPolicies& measured);

}  // namespace caracal::cli
