// How long an item takes when it runs alone.
#pragma once

#include "core/plan/program.h"
#include "core/plan/stage_shape.h"

namespace caracal::sim {

// kForward, kBackward, kRecompute, kCollectiveStart (the collective), kGradientReduce, kOptimizer.
int64_t aloneNs(const plan::StageShape& shape, const plan::Item& item);

// Parameters, gradients and optimizer state of the stage.
int64_t staticBytes(const plan::StageShape& shape);

}  // namespace caracal::sim
