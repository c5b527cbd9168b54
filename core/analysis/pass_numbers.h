// Numbers of steps and micro-batches of pass ranges. Part of pass_ranges.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/analysis/pass_ranges.h"
#include "core/analysis/profiler_steps.h"

namespace caracal::analysis {

// Whether any range of work states its micro-batch.
bool statesMicroBatches(const std::vector<PassRange>& ranges);

// Gives the ranges of one rank, which are sorted by begin, their steps (ranges outside of the
// marked ones are dropped) and, where none states it, their micro-batches. Why it cannot be done;
// empty: it was.
std::string numberPasses(std::vector<PassRange>& ranges, const ProfilerSteps& steps,
                         uint32_t rankIndex);

}  // namespace caracal::analysis
