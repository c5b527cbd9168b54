// How long an item takes when it runs alone.
#pragma once

#include "core/plan/program.h"
#include "core/plan/stage_shape.h"

namespace caracal::sim {

// kForward, kBackward, kRecompute, kWeightGradient, kCollectiveStart (the collective),
// kGradientReduce, kReduceStart, kOptimizer, kOffloadStart and kFetchStart (the copy). In a split
// backward a collective has its whole transfer to fill: the weight gradient that overlaps it
// otherwise runs elsewhere.
int64_t aloneNs(const plan::StageShape& shape, const plan::Item& item);
// Summed over chunks for kGradientReduce and kOptimizer; other items are those of their chunk.
int64_t aloneNs(const plan::DeviceShape& device, const plan::Item& item);

// Parameters, gradients and optimizer state of the stage, or of everything the device holds.
int64_t staticBytes(const plan::StageShape& shape);
int64_t staticBytes(const plan::DeviceShape& device);

}  // namespace caracal::sim
