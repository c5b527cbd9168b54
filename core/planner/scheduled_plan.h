// Plans for schedules other than 1F1B, by the policies that look at memory and windows.
//
// Each chunk of the model is planned by itself, as a stage of its own with the micro-batches in
// flight, the hosted ones and the waits for gradients that the schedule gives it. What a chunk may
// use is found by trying: the chunks of a device get the same fraction of the way from their least
// to their most memory, and the largest fraction under which the *simulated* peak keeps the budget
// is kept. So plans fit exactly, while what they leave unused is a matter of the search.
#pragma once

#include <cstdint>

#include "core/base/result.h"
#include "core/planner/candidate.h"
#include "core/planner/mix_stop.h"
#include "core/profile/profile.h"

namespace caracal::planner {

enum class ChunkPolicy : uint8_t { kCheckmate, kHeu, kHeuPlus };

// The shortest simulated step among: the policy's choices for the waits of the pipeline without
// recomputation, and for none; full and selective, where they fit. heu+ is never slower than heu.
// boundNs is the step without recomputation. Status kOptimal: the step equals it. Infeasible:
// smallestBudgetBytes is known to suffice; a note says that less may. kTimeLimit: out of time, with
// the best found until then. Fails when cancelled.
Result<Candidate> scheduledCandidate(const profile::Profile& profile, const plan::Plan& skeleton,
                                     ChunkPolicy policy, const MixStop& stop = {});

}  // namespace caracal::planner
