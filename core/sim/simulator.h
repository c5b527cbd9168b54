// The simulator: a deterministic replay of a plan's program over unequal stages, links and streams.
// Rules: an operation starts when its stage's compute is free and what it needs has arrived;
// transfers between stages take the link's time and do not occupy compute; a collective runs on the
// stage's communication stream beside the recomputations put into its window. Every schedule of
// core/plan/schedule.h. Result times are exact integers.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/plan/plan.h"
#include "core/plan/program.h"
#include "core/profile/profile.h"
#include "core/trace/trace.h"

namespace caracal::sim {

enum class TraceDetail : uint8_t { kNone, kPasses, kOperators };

struct SimOptions {
  TraceDetail detail =
      TraceDetail::kNone;  // what SimResult::trace holds; each level costs time and memory
};

struct MemorySample {
  int64_t timeNs = 0;
  int64_t bytes = 0;  // from this time on
};

// One device of the pipeline, with everything it holds.
struct StageResult {
  int32_t stage = 0;
  int32_t layers = 0;
  // Medians of a pass: one micro-batch through one chunk.
  int64_t forwardNs = 0;           // collectives included
  int64_t backwardNs = 0;          // exposed recomputation included
  int64_t weightNs = 0;            // of passes that make weight gradients only; 0: there are none
  int64_t busyNs = 0;              // compute stream, whole step
  int64_t bubbleNs = 0;            // pipeline window - union of F, B, W and recompute work
  int64_t exposedRecomputeNs = 0;  // per step
  int64_t hiddenRecomputeNs = 0;   // per step
  int64_t exposedOffloadNs = 0;    // per step: passes waiting for copies to and from the host
  int64_t exposedReduceNs = 0;     // data-parallel reduction that the optimizer waits for
  int64_t staticBytes = 0;
  int64_t peakBytes = 0;             // over time, static + workspace + reserve included
  int64_t budgetBytes = 0;           // 0: no limit
  int64_t hostBytes = 0;             // offloaded, all micro-batches in flight
  std::vector<MemorySample> memory;  // filled unless detail is kNone
};

struct SimResult {
  int64_t stepNs = 0;      // start of the step to its last event, optimizer included
  int64_t pipelineNs = 0;  // first F/B start to last F/B end
  double bubblePct = 0;    // mean over stages of bubbleNs / pipelineNs, percent
  double zbBubbleRate =
      0;  // Zero Bubble's definition: (cost - m (TF + TB + TW)) / cost, longest stage span
  bool fits = true;  // every stage within its budget
  std::vector<StageResult> stages;
  std::shared_ptr<const trace::Trace> trace;  // format "simulated"; null when detail is kNone
};

Result<SimResult> simulate(const profile::Profile& profile, const plan::Plan& plan,
                           const SimOptions& options = {}, std::stop_token stop = {});

}  // namespace caracal::sim
