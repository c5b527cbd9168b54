// What a plan comes to: legal or not, in words, and the simulated step. Work of a job; knows no Qt.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "core/base/result.h"
#include "core/plan/plan.h"
#include "core/planner/replay_error.h"
#include "core/profile/profile.h"
#include "core/sim/simulator.h"

namespace caracal::ui {

struct Evaluation {
  std::string problem;                   // why the plan is impossible; empty: it is not
  std::optional<sim::SimResult> result;  // with a trace; missing when impossible
  // Of the profile's own run; missing when it is of none, or of one that cannot be replayed.
  std::optional<planner::ReplayError> replay;
};

// The trace has operators while that stays quick, passes alone for large jobs. `before`: another
// evaluation with the same profile, whose replay error is taken over; null: none.
Result<Evaluation> evaluatePlan(const profile::Profile& profile, const plan::Plan& plan,
                                const Evaluation* before, std::stop_token stop);

}  // namespace caracal::ui
