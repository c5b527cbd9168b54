// The chunks of a plan under its schedule, one StageShape each: what planning and explaining look
// at, where lowering and simulation go device by device.
#pragma once

#include <vector>

#include "core/plan/schedule.h"
#include "core/plan/stage_shape.h"

namespace caracal::plan {

// In model order. A chunk that two devices share (DualPipe) has the most micro-batches in flight
// that one of them holds, and the hosted ones of both. REQUIRES a plan with the schedule's number
// of chunks, and that all arguments but `schedule` outlive the result.
std::vector<StageShape> chunkShapes(const profile::Profile& profile, const ProfileGraphs& graphs,
                                    const Plan& plan, const Schedule& schedule);

}  // namespace caracal::plan
