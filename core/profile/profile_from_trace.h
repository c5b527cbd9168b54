// Profiles from what really ran: a Caracal recording (operators measured one by one), or a
// stage-level trace of somebody else's pipeline plus a model description (stage and link times
// measured, operators estimated and scaled so that they sum to the measured stage).
#pragma once

#include <vector>

#include "core/analysis/step_model.h"
#include "core/base/result.h"
#include "core/profile/model_description.h"
#include "core/profile/profile.h"
#include "core/trace/trace.h"

namespace caracal::profile {

// Operator times are medians over steps (the first is left out as warm-up when there are several),
// micro-batches, layers, stages and tensor ranks: what differs between layers of equal structure on
// one machine is noise, so all layers form one kind. They are stretched by what passes take beyond
// the sum of their operators' medians (a percent or two), so that they add up to passes.
// Recomputations are events of their own and count towards neither pass. Collectives are their
// transfer part, last entry to first end. Sizes and dependencies come from the model description in
// the recording; static memory of the model ends is what the recording's stages hold beyond their
// layers. REQUIRES a trace of format "caracal"; fails with kCannotAnswer when it lacks operators or
// its model description.
Result<Profile> profileFromRecording(const trace::Trace& trace, const analysis::StepModel& model);

// Stage times per micro-batch (forward, backward) and transfers are the trace's medians; operators
// are estimated for `description.gpu` by the roofline and scaled per stage, collectives and model
// ends included, so that each stage adds up to what was measured. Stages whose layers take the same
// time within 1 % share one layer kind. `layersOfChunk` says how many layers each stage held, or
// each model chunk of an interleaved schedule; empty: even, the first ones take the remainder. Of a
// trace of kernels whose passes are marked (core/analysis/gpu_passes.h) the layers are found as the
// part of a pass that repeats: operators of one class (matrix products, attention, the rest) add up
// to the kernels of that class, windows are the measured collectives, and what the host did not
// launch in time lies on all operators. Forward kernels that a backward pass repeats are
// recomputation and left out of it. Optimizer and gradient reductions take, together, what the GPU
// computed and visibly transferred outside of passes.
// Micro-batches, replicas, stages and schedule are taken from the trace.
Result<Profile> profileFromStages(const trace::Trace& trace, const analysis::StepModel& model,
                                  const ModelDescription& description,
                                  std::vector<int32_t> layersOfChunk = {});

}  // namespace caracal::profile
