// RunSummary: what one run comes to per step, measured and predicted alike, so that any two can be
// set side by side (`caracal compare`, the compare table of caracal-ui). And the comparison itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/analysis/step_model.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

// Medians over the run's complete steps and replicas; the first step of a recording with several is
// left out, it warms up caches and allocations.
struct StageRun {
  int32_t stage = 0;
  int64_t forwardNs = 0;   // per micro-batch
  int64_t backwardNs = 0;  // per micro-batch, recomputation included
  int64_t bubbleNs = 0;    // per step, as every time below
  int64_t recomputeHiddenNs = 0;
  int64_t recomputeExposedNs = 0;
  int64_t peakBytes = 0;  // largest over the stage's ranks; 0: the run has no memory figures
  bool operator==(const StageRun&) const = default;
};

struct RunSummary {
  std::string name;  // the policy that ran, or the format
  trace::Tag tag = trace::Tag::kMeasured;
  std::string clock;     // "wall", "virtual", "simulated"; empty: a real trace's own
  std::string hardware;  // empty: unknown
  std::string planHash;  // empty: unknown
  int64_t steps = 0;     // (step, replica) pairs behind the medians
  int64_t stepNs = 0;
  int64_t pipelineNs = 0;
  double bubblePct = 0;  // mean over stages of bubbleNs / pipelineNs
  std::vector<StageRun> stages;
  bool operator==(const RunSummary&) const = default;
};

RunSummary summarizeRun(const trace::Trace& trace, const StepModel& model);

// A recording and what was made of it.
struct RecordedRun {
  const trace::Trace* trace = nullptr;
  const StepModel* model = nullptr;
};
// Several recordings of the same thing as one run: medians over the steps of all. REQUIRES at least
// one; what describes the run is the first one's.
RunSummary summarizeRuns(const std::vector<RecordedRun>& runs);

// The step that warms up and is left out of medians; -1: all count.
int32_t warmUpStep(const trace::Trace& trace, const StepModel& model);

// What to say before any number of two runs is compared: different tags, clocks or hardware. Empty
// when like is compared with like.
std::vector<std::string> cautions(const RunSummary& a, const RunSummary& b);

// b's change against a in percent; 0 when a is 0.
double changePct(int64_t a, int64_t b);

}  // namespace caracal::analysis
