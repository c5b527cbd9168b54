// Fills in StageProgram::releases: every tensor is released after the last item that reads it.
#pragma once

#include "core/plan/program.h"
#include "core/plan/stage_shape.h"

namespace caracal::plan {

// REQUIRES items complete and in order; replaces releases.
void addReleases(const DeviceShape& device, StageProgram& program);

}  // namespace caracal::plan
