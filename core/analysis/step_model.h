// StepModel: training steps understood. From passes, transfers and annotations of a trace to
// stages, micro-batches, windows and bubbles with causes. Each inferred fact says how it was found.
#pragma once

#include <array>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/intervals.h"
#include "core/base/result.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

// Why a stage's compute is idle inside a step (design.md section 4). The causes of a stage add up,
// as integers, to stepNs - busy compute.
enum class IdleCause : uint8_t {
  kWarmup,          // before the stage's first forward can start
  kWaitUpstream,    // steady state: waiting for an activation
  kWaitDownstream,  // steady state: waiting for a gradient
  kCooldown,        // after the stage's last backward, until the pipeline drains
  kTensorTransfer,  // exposed tensor-parallel transfer
  kCollectiveSkew,  // inside a collective, waiting for the last rank
  kDataParallel,    // data-parallel reduction, optimizer and what surrounds them
  kLaunch,          // the host did not launch in time
  kMemory,          // allocation, copies, offload
  kCommunication,   // a transfer whose purpose (which of the above) nothing tells
  kUnexplained,
  kCount
};
inline constexpr size_t kIdleCauseCount = static_cast<size_t>(IdleCause::kCount);
std::string_view name(IdleCause cause);  // "warmup", "waitUpstream", ... : keys of causes{} in JSON
std::string_view label(IdleCause cause);  // for people: "waiting for the stage before"
using CauseTimes = std::array<int64_t, kIdleCauseCount>;

struct PassSpan {
  trace::EventIndex event = trace::kNoIndex;
  trace::Pass pass = trace::Pass::kForward;
  int32_t microBatch = -1;
  int32_t chunk = 0;
  Span span;
};

struct Bubble {
  Span span;
  IdleCause cause = IdleCause::kUnexplained;
};

// One stage of one data-parallel replica in one step.
struct StageStep {
  int32_t step = 0;  // the trace's own number
  int32_t replica = 0;
  int32_t stage = 0;
  uint32_t rankIndex = 0;        // representative rank (tensor index 0)
  Span stepSpan;                 // start of the step to start of the next; last: to its last event
  Span pipelineWindow;           // first F/B start to last F/B end over all stages of the replica
  std::vector<PassSpan> passes;  // in time order
  // Union of F, B and W passes, collectives inside them included, and of recompute work, inside the
  // window: what a pipeline bubble is the complement of, for recordings, simulations and foreign
  // traces alike.
  int64_t computeNs = 0;
  int64_t bubbleNs = 0;  // window - computeNs
  // Work of the compute stream inside the step (operators where they are recorded, else passes):
  // what the causes are the complement of.
  int64_t busyNs = 0;
  CauseTimes causes{};          // sum == stepSpan.lengthNs() - busyNs
  std::vector<Bubble> bubbles;  // idle spans of the whole step in time order, each with its cause
  // Recomputation, collectives that it repeats included: inside collectives and waits for a
  // neighbour, where compute would have idled, and the rest.
  int64_t recomputeHiddenNs = 0;
  int64_t recomputeExposedNs = 0;
  SpanSet recomputeWaits;  // those collectives and waits, from the first recomputation to the last
};

// Sums over complete steps and replicas, as `analyze` prints them.
struct StageSummary {
  int32_t stage = 0;
  int64_t steps = 0;  // (step, replica) pairs summed
  int64_t stepNs = 0, pipelineNs = 0, computeNs = 0, bubbleNs = 0, busyNs = 0;
  double bubblePct = 0;  // 100 bubbleNs / pipelineNs
  CauseTimes causes{};
  int64_t forwardNs = 0, backwardNs = 0;  // medians per micro-batch
  int64_t recomputeHiddenNs = 0, recomputeExposedNs = 0;
};

struct StepSummary {
  int32_t step = 0;
  int32_t replica = 0;
  int64_t stepNs = 0;
  int64_t pipelineNs = 0;
};

struct Fact {
  std::string what;     // "pipeline stages: 4"
  std::string foundBy;  // "pid of forward/backward events"
};

struct StepModel {
  int32_t stageCount = 0;
  int32_t replicaCount = 0;
  int32_t tensorSize = 1;
  int32_t microBatches = 0;           // per step; 0: differs
  int32_t chunks = 1;                 // model chunks per rank; > 1: interleaved
  std::string schedule;               // "1F1B", "interleaved 1F1B", "GPipe", "unknown"
  std::vector<StageStep> stageSteps;  // sorted by (step, replica, stage)
  std::vector<StageSummary> stages;
  std::vector<StepSummary> steps;
  std::vector<Fact> facts;
  int64_t forwardSendNs = 0;  // median transfer between stages; 0: not seen
  int64_t backwardSendNs = 0;
};

// Fails with kCannotAnswer, in words, when the trace holds no passes ("no passes of
// micro-batches, ..."); with kCancelled once `stop` is requested, which is noticed within one
// track or one step.
Result<StepModel> buildStepModel(const trace::Trace& trace, const std::stop_token& stop = {});

}  // namespace caracal::analysis
