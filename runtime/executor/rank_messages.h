// What ranks hand to each other at the end of a step, as bytes: the same for ranks that are threads
// and for ranks that are processes, of one build on one machine.
#pragma once

#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "runtime/comm/layout.h"
#include "runtime/comm/wire.h"
#include "runtime/executor/records.h"
#include "runtime/executor/run.h"
#include "runtime/executor/training_device.h"

namespace caracal::executor {

// What a step came to on a rank.
struct RankOutcome {
  RankStep step;
  int64_t endNs = 0;
  double lossSum = 0;
  int64_t peakBytes = 0;
  int32_t signal = 0;  // that asked this rank's process to end; 0: none
};
comm::Bytes toBytes(const RankOutcome& outcome);
RankOutcome outcomeFrom(const comm::Bytes& bytes);

// What the step came to on all ranks.
struct StepOutcomes {
  std::vector<RankStep> ranks;
  int64_t endNs = 0;      // of the last rank
  double loss = 0;        // mean over micro-batches and replicas
  int64_t peakBytes = 0;  // of the fullest rank
  int signal = 0;         // the first that a rank got; 0: none
  int32_t signalledRank = -1;
};
// `handedIn`: an outcome of each rank.
StepOutcomes outcomesFrom(const std::vector<comm::Bytes>& handedIn,
                          const profile::ParallelShape& parallel);

// What a rank has to say once, after its last step.
struct RankFigures {
  comm::Position position;
  int64_t staticBytes = 0, workspaceBytes = 0;
  int64_t peakBytes = 0, reservedBytes = 0;
  comm::RankClock::Overshoot overshoot;
};
// `handedIn`: figures of each rank, put into the summaries of theirs.
void takeFigures(const std::vector<comm::Bytes>& handedIn, std::vector<RankSummary>& summaries);

// What is decided for all ranks at the end of a step.
struct Decision {
  int64_t stepBeginNs = 0;  // of the next step
  int64_t pauseNs = 0;      // wall time since the last step that is not part of the run
  bool writesCheckpoint = false;
  bool stops = false;
};

template <class Value>
comm::Bytes bytesOf(const Value& value) {
  static_assert(std::is_trivially_copyable_v<Value>);
  const auto bytes = std::as_bytes(std::span(&value, 1));
  return {bytes.begin(), bytes.end()};
}
// REQUIRES bytesOf() such a value.
template <class Value>
Value valueOf(const comm::Bytes& bytes) {
  static_assert(std::is_trivially_copyable_v<Value>);
  Value value;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

}  // namespace caracal::executor
