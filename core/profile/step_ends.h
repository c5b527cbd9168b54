// What a step of a run of kernels does outside of its passes: the optimizer and what data-parallel
// replicas reduce and gather. Part of profile_from_stages.cpp.
#pragma once

#include <cstdint>
#include <vector>

#include "core/analysis/step_model.h"
#include "core/profile/profile.h"
#include "core/trace/trace.h"

namespace caracal::profile {

// Medians over a stage's steps, of the rank that stands for it.
struct StepEnd {
  int64_t computationNs = 0;
  int64_t exposedTransferNs = 0;  // of collectives, without computation beside it or late ranks
};

// One per stage, in order.
std::vector<StepEnd> findStepEnds(const trace::Trace& trace, const analysis::StepModel& model);

// Scales the optimizer's times and the gradient reductions to what the stages took, together.
void fitStepEnds(Profile& profile, const std::vector<StepEnd>& stages);

}  // namespace caracal::profile
