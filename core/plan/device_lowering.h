// Lowers passes of one device in any order: the part of lower() that the simulator also uses to
// look at single passes.
#pragma once

#include <vector>

#include "core/plan/program.h"
#include "core/plan/schedule.h"
#include "core/plan/stage_shape.h"

namespace caracal::plan {

// Fails when the plan has other than the schedule's number of chunks.
Result<void> checkChunks(const Schedule& schedule, const Plan& plan);

// Appends the passes of `order`, then the end of the step, and fills in the releases. `hosted`, as
// hostedMicroBatches() gives it, is aligned with `order`. REQUIRES a `program` without items whose
// chunks are the device's.
Result<void> lowerDevice(const DeviceShape& device, const PassOrder& order,
                         const std::vector<int32_t>& hosted, StageProgram& program);

}  // namespace caracal::plan
