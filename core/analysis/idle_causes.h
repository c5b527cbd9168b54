// Why a stage was idle: every idle nanosecond of a step gets exactly one cause.
#pragma once

#include <vector>

#include "core/analysis/dependency_waits.h"
#include "core/analysis/stage_activity.h"
#include "core/analysis/step_model.h"
#include "core/base/intervals.h"

namespace caracal::analysis {

struct StepSituation {
  Span step;
  Span window;     // the replica's pipeline window
  Span stageWork;  // first to last pipeline work of this stage inside the window
  SpanSet
      synchronisation;  // of all stages and replicas: when data-parallel work and optimizers ran
};

// The idle spans of the step in time order, neighbours with one cause united. Rules, the first that
// applies to a moment wins:
//   outside the pipeline window   up to the last data-parallel or optimizer work of any rank (or
//   after
//                                 it, before the window): kDataParallel; else as the rest
//   before the stage's first work kWarmup; after its last work kCooldown
//   inside a tensor collective    until the last rank came kCollectiveSkew, then kTensorTransfer
//   inside a copy or set          kMemory
//   waiting for a neighbour       kWaitUpstream, kWaitDownstream; also while an own send has not
//   been
//                                 taken by the neighbour
//   the rest                      kLaunch: everything was there, nothing ran
// Where kernels are recorded, launches are too: then the rest is kDataParallel inside a
// data-parallel collective, kLaunch until work that was launched only after all before it had
// ended, kCommunication inside a transfer whose purpose nothing tells, and else kUnexplained;
// outside of the window skew, transfers, copies and late launches count first.
std::vector<Bubble> explainIdle(const StageActivity& activity, const DependencyWaits& waits,
                                const StepSituation& situation);

CauseTimes sumByCause(const std::vector<Bubble>& bubbles);

}  // namespace caracal::analysis
