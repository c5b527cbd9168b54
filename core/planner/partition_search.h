// Partitions found by searching: which contiguous layers each stage holds, with the policy's best
// choice inside every stage and the embedding and head counted where they are.
//
// Two measures of a partition. Its largest tau: the longest forward and backward of one micro-batch
// on any stage, recomputation included; what a long pipeline runs at. Its step: what the simulator
// gives, in which bubbles absorb some imbalance. Memory comes before both: while a stage exceeds
// the budget, less excess is better.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/planner/stage_solver.h"

namespace caracal::planner {

struct PartitionValue {
  std::vector<int32_t> layersOfStage;
  int64_t excessBytes = 0;                 // of the worst stage over the budget
  int64_t stepNs = 0;                      // exact for the stages' choices
  std::vector<int64_t> loadNs, peakBytes;  // per stage
  bool betterThan(const PartitionValue& other) const;
};

PartitionValue valueOf(StageSolver& solver, const std::vector<int32_t>& layersOfStage);

// Layers of the stages that make the largest tau as small as can be, by dynamic programming over
// stages and layers; of those, by smallest sum of squares, so that equal stages stay equal. When
// no partition fits the budget: the one with the least excess.
std::vector<int32_t> minimaxPartition(StageSolver& solver, const Progress& progress = {});

// What a partition is worth, by whatever means.
using EvaluatePartition =
    std::function<Result<PartitionValue>(const std::vector<int32_t>& layersOfStage)>;

// The move search of Lynx: one layer goes from the slowest stage (while nothing fits: from the
// tightest) to the fastest stage that makes the simulated step shorter, until no such move is left.
// Every stage keeps at least one layer. A local optimum: nothing is claimed about other partitions.
Result<std::vector<int32_t>> greedyPartition(const EvaluatePartition& evaluate,
                                             std::vector<int32_t> start,
                                             const Progress& progress = {});
std::vector<int32_t> greedyPartition(StageSolver& solver, std::vector<int32_t> start,
                                     const Progress& progress = {});

// Moves of one layer from one of the slowest stages to one of the fastest, a few of each, the best
// first, until none makes the simulated step shorter: for partitions that take long to value.
Result<std::vector<int32_t>> climbedPartition(const EvaluatePartition& evaluate,
                                              std::vector<int32_t> start,
                                              const Progress& progress = {});

// Local search on the simulated step from several starts: the best single move of a layer between
// any two stages, until none helps. Best first, without doubles.
std::vector<PartitionValue> searchPartitions(StageSolver& solver,
                                             const std::vector<std::vector<int32_t>>& starts,
                                             const Progress& progress = {});

}  // namespace caracal::planner
