// Trains: every rank of a job, as a thread or as a process, step after step, until the steps are
// done, the caller asks to stop or a rank fails.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/recording/recording.h"
#include "runtime/comm/monitor.h"
#include "runtime/comm/processes.h"
#include "runtime/executor/checkpoint.h"
#include "runtime/executor/job.h"
#include "runtime/executor/training_device.h"

namespace caracal::executor {

struct RunOptions {
  int32_t steps = 1;  // of this run
  comm::ClockKind clock = comm::ClockKind::kVirtual;
  comm::LinkSpeeds links;
  kernels::AdamwOptions optimizer;
  uint64_t seed = 1;
  const Checkpoint* resumeFrom = nullptr;  // its steps come before those of this run
  std::string checkpointPath;              // empty: none is written
  int32_t checkpointEvery = 0;             // steps; 0: only after the last one
  Backend* backend = nullptr;              // nullptr: the CPU
  bool returnsWeights = true;              // in the summary
  // Of the other ranks, where this process is one rank of the job; nullptr: ranks are threads.
  comm::Processes* processes = nullptr;
  std::chrono::nanoseconds linkTimeout = std::chrono::minutes(10);  // of one wait for others
  const comm::StopRequest* stop = nullptr;                          // nullptr: nobody asks
};

struct StepReport {
  int32_t step = 0;       // from 0, those of earlier runs counted
  Span span;              // on the run's clock
  double loss = 0;        // mean over micro-batches and replicas, in nats per byte
  int64_t peakBytes = 0;  // largest over the ranks, since the run began
};

// Called between two steps, while all ranks stand still and the run's clock stands with them; in
// the process of rank 0 only. A failure ends the run. `records` holds every row of the step.
enum class Continue : uint8_t { kYes, kNo };
using StepObserver =
    std::function<Result<Continue>(const StepReport&, const recording::StepRecords& records)>;

struct RankSummary {
  comm::Position position;
  int64_t staticBytes = 0, workspaceBytes = 0;
  int64_t peakBytes = 0;      // activations, static and workspace
  int64_t reservedBytes = 0;  // likewise, with memory kept for tensors to come
  comm::RankClock::Overshoot overshoot;
  // Where RunOptions::returnsWeights: those after the last step, at the offsets of `parameters`.
  std::vector<model::ParameterSpec> parameters;
  std::vector<float> weights;
};

// In the process of another rank than 0 there are no steps, and figures of the own rank at most.
struct RunSummary {
  std::vector<StepReport> steps;
  std::vector<RankSummary> ranks;  // by rank
  int signal = 0;                  // that ended the run early; 0: none
  int32_t signalledRank = -1;      // whose process got it first
};

// A rank that fails ends all ranks; the error names it. `observer` may be empty.
Result<RunSummary> run(const Job& job, const RunOptions& options,
                       std::shared_ptr<const model::TextSource> text,
                       const StepObserver& observer = {});

}  // namespace caracal::executor
