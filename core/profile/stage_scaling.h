// An estimated profile stretched so that each stage takes as long as the trace shows. Part of
// profileFromStages() (profile_from_trace.h).
#pragma once

#include <vector>

#include "core/analysis/step_model.h"
#include "core/profile/kernel_layers.h"
#include "core/profile/profile.h"
#include "core/profile/stage_partition.h"

namespace caracal::profile {

// Operators of each stage, collectives and model ends included, take together what its passes took;
// stages whose layers take the same time within 1 % share their layer kinds. Transfers, stages and
// step of the run become the profile's observations. `kernels`: what fitToKernels() has put into
// the estimate, per stage; its collectives are measured and kept. Empty: nothing.
Profile scaledToStages(const analysis::StepModel& model, const StagePartition& partition,
                       Profile estimate, const std::vector<StageLayers>& kernels);

}  // namespace caracal::profile
