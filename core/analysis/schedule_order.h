// Which schedule the order of a stage's passes shows.
#pragma once

#include <string>
#include <vector>

#include "core/analysis/step_model.h"

namespace caracal::analysis {

// "1F1B", "interleaved 1F1B", "GPipe" or "unknown", for the passes of every stage of one step and
// replica. `chunks` is the number of model chunks per stage.
//   1F1B: stage s of p runs min(p - s, m) forwards, then a backward and a forward in turn, then the
//   backwards that remain. Interleaved: min(2 (p - s - 1) + (chunks - 1) p + 1, m chunks) forwards
//   first (Megatron-LM). GPipe: all forwards, then all backwards.
std::string recognizeSchedule(const std::vector<const StageStep*>& stages, int32_t stageCount,
                              int32_t chunks);

}  // namespace caracal::analysis
