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

// What passes do beside their own work, aligned with their order.
struct PassRoles {
  std::vector<int32_t> hosted;  // as hostedMicroBatches()
  std::vector<bool> reduces;  // starts the reduction of each layer's gradients behind its backward
};

// As the order implies: a chunk's gradients are reduced in the pass that completes them, where the
// job overlaps reductions with backward.
PassRoles rolesOf(const profile::ParallelShape& parallel, const PassOrder& order);

// Appends the passes of `order`, then the end of the step, and fills in the releases. REQUIRES a
// `program` without items whose chunks are the device's.
Result<void> lowerDevice(const DeviceShape& device, const PassOrder& order, const PassRoles& roles,
                         StageProgram& program);

}  // namespace caracal::plan
