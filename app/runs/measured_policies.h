// Several policies planned on one profile, run in turn and set beside their predictions.
//
// Machines drift: the same program may take 10 % longer a minute later. So policies take turns in
// several rounds, every other round in the opposite order, and figures are medians over the steps
// of all rounds; and the plan of the profile's own run takes part, where a policy makes it again,
// so that what the machine did since the profile can be told from what the model got wrong.
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

// The profile's own plan, when it was profiled and now; medians of steps.
struct MachineDrift {
  int64_t profiledNs = 0;
  int64_t nowNs = 0;
  std::vector<int64_t> roundsNs;  // of each round
};
// Of now against then, in percent; positive: slower.
double driftPct(const MachineDrift& drift);
// The error of a prediction of `predictedNs` with the drift taken out: made for the machine as it
// is now.
double errorWithoutDriftPct(const MachineDrift& drift, const Measurement& measurement);

struct MeasuredPolicies {
  std::vector<MeasuredPolicy> policies;  // as asked for
  int rounds = 1;
  // Nothing where the profile is of other hardware or links, or of no run that can be repeated.
  std::optional<MachineDrift> drift;
};

struct PoliciesRequest {
  std::string profile;  // path
  std::vector<std::string> policies;
  int64_t budgetBytes = 0;  // 0: the profile's memory
  // For <policy>.plan.json and <policy>.sqlite; with several rounds <policy>.round<N>.sqlite,
  // from 1.
  std::string folder;
  std::string clock;
  int steps = 5;             // of each policy, shared out among the rounds
  std::string backend = {};  // as in MeasureJob
  int rounds = 1;            // fewer where that would leave a round less than two steps
};

// Fails when any run does, with the policy's name, and with kCancelled when stopped; the recordings
// until then remain.
Result<MeasuredPolicies> measurePolicies(const PoliciesRequest& request, const Watch& watch);

// The plan of a policy that needs the least memory, written to `path`.
Result<void> savePlanOfLeastMemory(const profile::Profile& profile, const std::string& policy,
                                   const std::string& path, const std::stop_token& stop);

}  // namespace caracal::runs
