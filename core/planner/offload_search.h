// Offload as one more place for tensors of a plan that a policy has made: frees device memory, so
// that less is recomputed, where the copies fit beside compute.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "core/base/result.h"
#include "core/plan/plan.h"
#include "core/profile/profile.h"

namespace caracal::planner {

struct OffloadOutcome {
  plan::Plan plan;
  int64_t stepNs = 0;     // simulated
  bool offloads = false;  // false: `plan` is the one that was given
  std::string note;       // what is offloaded and what it is worth, in words
};

// Makes a plan of the same partition for another profile and budget; infeasible: a plan without
// layers.
using Replan = std::function<Result<plan::Plan>(const profile::Profile&, int64_t budgetBytes)>;

// Whether single tensors of single layers may then move between device, host and recomputation;
// what comes out is no plan of a policy whose layers do the same.
enum class TensorExchange : uint8_t { kNone, kSingle };

// Tries sets of each layer's saved tensors that take longest to rebuild for their bytes, and whose
// copies fit into its own forward and backward: with them on the host, `replan` spreads the memory
// that they leave over the other tensors. Keeps what simulates best, stage by stage, and `plan`
// itself if nothing is better, so the result is never slower. Not exact: a set is chosen for all
// layers of a kind at once, and the exchange of single tensors is a local search of a few hundred
// simulations.
Result<OffloadOutcome> offloadSearch(const profile::Profile& profile, const plan::Plan& plan,
                                     int64_t budgetBytes, const Replan& replan,
                                     TensorExchange exchange, std::stop_token stop);

}  // namespace caracal::planner
