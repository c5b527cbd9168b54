// How far the simulator is off when it replays what a profile's own run did: the error that every
// prediction on that profile carries.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "core/base/result.h"
#include "core/plan/plan.h"
#include "core/profile/profile.h"

namespace caracal::planner {

struct ReplayError {
  int64_t observedNs = 0;   // step that the run showed
  int64_t simulatedNs = 0;  // step that its plan is predicted to take
  double percent = 0;       // of the observed step; negative: predicted too fast
};

// Policies whose plan is the same whatever the budget.
bool ignoresBudget(const std::string& policy);

// The plan that the profile's own run followed, for no budget. Nothing when the profile is of no
// run, or its run followed a plan that no policy makes again (edited, heu: its budget is unknown).
Result<std::optional<plan::Plan>> observedPlan(const profile::Profile& profile,
                                               std::stop_token stop = {});

// Simulates the observed plan; nothing where there is none.
Result<std::optional<ReplayError>> replayError(const profile::Profile& profile,
                                               std::stop_token stop = {});

}  // namespace caracal::planner
