// What-ifs: what a published technique that Caracal does not plan for would do to a step, as a
// change of the profile's figures. Each is a cost model with its source, simple enough to be
// judged; what comes of it is *estimated*, never more.
//
// Operators, their ids and dependencies stay, so that a plan for the profile stays one. Convergence
// is not modelled: a technique that needs other hyper-parameters or more steps says so itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/profile/profile.h"
#include "core/sim/simulator.h"

namespace caracal::sim {

struct WhatIfInfo {
  std::string_view name;
  double value = 0;  // unless another is given; 0 with low = high: takes none
  double low = 0, high = 0;
  std::string_view meaning;  // of the value
  std::string_view model;    // the cost model in a sentence or two
  std::string_view source;
};

const std::vector<WhatIfInfo>& whatIfs();

struct WhatIf {
  const WhatIfInfo* info = nullptr;
  double value = 0;
};

// "ulysses" or "compressed-gradients=0.05". Unknown names and values out of range are refused with
// what can be written instead.
Result<WhatIf> whatIfFromText(std::string_view text);

// The profile as it would be; its operator and stage tags become estimated.
profile::Profile applied(const WhatIf& whatIf, profile::Profile profile);

// What a profile cannot express: delayed gradients leave stages without bubbles.
SimResult applied(const WhatIf& whatIf, SimResult result);

}  // namespace caracal::sim
