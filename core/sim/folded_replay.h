// The figures of a step from the costs of its passes (pass_costs.h), without running each operator
// of each micro-batch: the same numbers as a replay of the whole program, to the nanosecond and the
// byte, in time that grows with passes instead of operators. No timeline comes of it.
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "core/base/result.h"
#include "core/plan/plan.h"
#include "core/profile/profile.h"
#include "core/sim/figures.h"

namespace caracal::sim {

struct FoldedStage {
  plan::StageProgram held;  // without items
  StageFigures figures;
  int64_t peakBytes = 0;
};

struct FoldedReplay {
  std::vector<FoldedStage> stages;
  int64_t stepNs = 0;
};

// Fails as lower() and replay() do.
Result<FoldedReplay> foldedReplay(const profile::Profile& profile, const plan::Plan& plan,
                                  std::stop_token stop = {});

}  // namespace caracal::sim
