// The part of validate() (plan.h) that looks at one layer of a stage.
#pragma once

#include "core/base/result.h"
#include "core/plan/stage_shape.h"

namespace caracal::plan {

// Whether the layer's placements are as many as its operators and each is possible, whether what is
// recomputed is in time and finds its inputs, and whether something rebuilds an input that is not
// kept. `layer`: global.
Result<void> checkLayer(const StageShape& stage, int32_t layer);

}  // namespace caracal::plan
