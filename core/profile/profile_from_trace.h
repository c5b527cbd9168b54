// Profiles from what really ran: a Caracal recording (operators measured one by one), or a stage-level
// trace of somebody else's pipeline plus a model description (stage and link times measured, operators
// estimated and scaled so that they sum to the measured stage).
#pragma once

#include "core/analysis/step_model.h"
#include "core/base/result.h"
#include "core/profile/model_description.h"
#include "core/profile/profile.h"
#include "core/trace/trace.h"

namespace caracal::profile {

// Medians over steps (first step left out when there are several), micro-batches and, for
// collectives, the least over the ranks of the group. REQUIRES a trace of format "caracal".
Result<Profile> profileFromRecording(const trace::Trace& trace, const analysis::StepModel& model);

// One layer kind per measured stage whose time per layer differs by more than 1 %. `layersOfStage`
// says how many layers each stage held; empty: even.
Result<Profile> profileFromStages(const trace::Trace& trace, const analysis::StepModel& model,
                                  const ModelDescription& description, std::vector<int32_t> layersOfStage = {});

}  // namespace caracal::profile
