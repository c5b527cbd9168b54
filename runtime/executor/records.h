// From what a device reports to rows of a recording (docs/trace-conventions.md).
#pragma once

#include <span>
#include <vector>

#include "core/plan/program.h"
#include "core/profile/profile.h"
#include "core/recording/recording.h"
#include "runtime/comm/layout.h"
#include "runtime/executor/device.h"
#include "runtime/executor/stage_executor.h"

namespace caracal::executor {

// One rank's step.
struct RankStep {
  comm::Position position;
  std::vector<Timing> timings;
  std::vector<MemorySample> memory;
};

struct StepFrame {
  int32_t step = 0;
  Span span;
  double loss = 0;
  int64_t peakBytes = 0;
};

// Rows of one step of all ranks. REQUIRES timings labelled by items of the rank's stage in
// `program`.
recording::StepRecords recordsOf(const profile::Profile& profile, const plan::Program& program,
                                 const StepFrame& frame, std::span<const RankStep> ranks);

}  // namespace caracal::executor
