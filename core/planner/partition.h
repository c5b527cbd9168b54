// Layers to stages: even, given, or found by moving single layers.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/planner/candidate.h"

namespace caracal::planner {

Result<void> checkPartition(const std::vector<int32_t>& layersOfStage, int32_t layers,
                            int32_t stages);

using EvaluatePartition =
    std::function<Result<Candidate>(const std::vector<int32_t>& layersOfStage)>;

// The move search of Lynx: one layer goes from the slowest stage (while nothing fits: from the
// tightest) to the fastest stage that makes the simulated step shorter, until no such move is left.
// Every stage keeps at least one layer. A local optimum: nothing is claimed about other partitions.
Result<std::vector<int32_t>> greedyPartition(std::vector<int32_t> start, int64_t budgetBytes,
                                             const EvaluatePartition& evaluate,
                                             const Progress& progress);

}  // namespace caracal::planner
