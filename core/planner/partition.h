// Layers to stages: what is legal, and how an export target can say it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace caracal::planner {

// Every stage holds at least one layer and none is lost; says which stage or how many layers are
// wrong.
Result<void> checkPartition(const std::vector<int32_t>& layersOfStage, int32_t layers,
                            int32_t stages);

// How Megatron-LM takes the partition, in words: as it is when all stages are equal; by the layers
// of the first and the last stage when those between are equal; otherwise only by a pipeline
// layout, which it marks as experimental. REQUIRES a legal partition.
std::string megatronPartitionRule(const std::vector<int32_t>& layersOfStage);

}  // namespace caracal::planner
