// HEU of one stage as a StageChoice (heu_search.h).
#pragma once

#include <cstdint>

#include "core/planner/heu_search.h"
#include "core/planner/stage_choice.h"

namespace caracal::planner {

// The optimum; where nothing fits, what needs least memory. Searches at most as long as layers of
// today's operators need, or until stopped, then returns what it has: complete is false.
StageChoice heuChoice(const StageModel& model, const StageGaps& gaps, int64_t budgetBytes,
                      const MixStop& stop = {});

}  // namespace caracal::planner
