// Two runs of one plan pass by pass: when each forward, backward and weight pass began and how long
// it took, predicted and measured.
#pragma once

#include <cstdint>
#include <vector>

#include "core/analysis/step_model.h"

namespace caracal::analysis {

// One pass in one run: medians over its steps and replicas; the warm-up step is left out.
struct TypicalPass {
  int64_t beginNs = 0;  // from the beginning of the pipeline window
  int64_t durationNs = 0;
  trace::EventIndex event = trace::kNoIndex;  // in the first step that counts
  bool operator==(const TypicalPass&) const = default;
};

struct PassDifference {
  int32_t stage = 0;
  trace::Pass pass = trace::Pass::kForward;
  int32_t microBatch = 0;
  int32_t chunk = 0;
  TypicalPass predicted, measured;
  bool operator==(const PassDifference&) const = default;
};

// Passes that both runs have, by stage and then by when they were predicted.
std::vector<PassDifference> passDifferences(const trace::Trace& predictedTrace,
                                            const StepModel& predicted,
                                            const trace::Trace& measuredTrace,
                                            const StepModel& measured);

}  // namespace caracal::analysis
