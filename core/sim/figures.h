// Figures of a replayed stage: passes, bubble, hidden and exposed recomputation (contracts.md
// section 3).
#pragma once

#include <vector>

#include "core/base/intervals.h"
#include "core/plan/program.h"
#include "core/plan/stage_shape.h"
#include "core/sim/replay.h"
#include "core/sim/simulator.h"

namespace caracal::sim {

// One F, B or W of a micro-batch: from when its input is there (and `pipe` work is done) to its
// last item.
struct PassTime {
  trace::Pass pass = trace::Pass::kForward;
  int32_t microBatch = 0;
  int16_t chunk = 0;  // of the model
  Span span;
};

struct StageFigures {
  std::vector<PassTime> passes;  // in time order
  int64_t pipeRecomputeNs = 0;   // compute work between passes
  int64_t busyNs = 0;            // compute stream, optimizer included
  int64_t hiddenRecomputeNs = 0;
  int64_t exposedRecomputeNs = 0;  // repeated collectives included, unless in a `pipe` wait
  int64_t exposedOffloadNs = 0;    // waiting for copies to and from the host
  int64_t exposedReduceNs = 0;     // waiting for gradients to be reduced, before the optimizer

  // Of a pass of this micro-batch, whichever its figures say.
  void add(const StageFigures& pass, int32_t microBatch);
};

StageFigures figuresOf(const plan::StageProgram& program, const StageTimes& times);

// Sets the figures of `result` that depend on all stages together: pipelineNs, bubbles and rates.
void fillPipelineFigures(const std::vector<StageFigures>& stages, SimResult& result);

}  // namespace caracal::sim
