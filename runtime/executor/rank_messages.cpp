#include "runtime/executor/rank_messages.h"

#include <algorithm>

namespace caracal::executor {
namespace {

// The fixed part of an outcome; the timings and the samples of memory follow it.
struct OutcomeHead {
  comm::Position position;
  int64_t endNs = 0;
  double lossSum = 0;
  int64_t peakBytes = 0;
  int32_t signal = 0;
  uint64_t timings = 0;
  uint64_t samples = 0;
};

template <class Value>
void append(comm::Bytes& bytes, std::span<const Value> values) {
  static_assert(std::is_trivially_copyable_v<Value>);
  const auto added = std::as_bytes(values);
  bytes.insert(bytes.end(), added.begin(), added.end());
}

template <class Value>
std::vector<Value> take(const comm::Bytes& bytes, size_t& next, uint64_t count) {
  std::vector<Value> values(count);
  if (count > 0) std::memcpy(values.data(), bytes.data() + next, count * sizeof(Value));
  next += count * sizeof(Value);
  return values;
}

}  // namespace

comm::Bytes toBytes(const RankOutcome& outcome) {
  comm::Bytes bytes =
      bytesOf(OutcomeHead{outcome.step.position, outcome.endNs, outcome.lossSum, outcome.peakBytes,
                          outcome.signal, outcome.step.timings.size(), outcome.step.memory.size()});
  append(bytes, std::span<const Timing>(outcome.step.timings));
  append(bytes, std::span<const MemorySample>(outcome.step.memory));
  return bytes;
}

RankOutcome outcomeFrom(const comm::Bytes& bytes) {
  const auto head = valueOf<OutcomeHead>(bytes);
  size_t next = sizeof(OutcomeHead);
  RankOutcome outcome;
  outcome.step.position = head.position;
  outcome.step.timings = take<Timing>(bytes, next, head.timings);
  outcome.step.memory = take<MemorySample>(bytes, next, head.samples);
  outcome.endNs = head.endNs;
  outcome.lossSum = head.lossSum;
  outcome.peakBytes = head.peakBytes;
  outcome.signal = head.signal;
  return outcome;
}

StepOutcomes outcomesFrom(const std::vector<comm::Bytes>& handedIn,
                          const profile::ParallelShape& parallel) {
  StepOutcomes all;
  for (const comm::Bytes& bytes : handedIn) {
    RankOutcome outcome = outcomeFrom(bytes);
    all.endNs = std::max(all.endNs, outcome.endNs);
    all.peakBytes = std::max(all.peakBytes, outcome.peakBytes);
    if (outcome.step.position.tensor == 0) all.loss += outcome.lossSum;
    if (outcome.signal != 0 && all.signal == 0) {
      all.signal = outcome.signal;
      all.signalledRank = outcome.step.position.rank;
    }
    all.ranks.push_back(std::move(outcome.step));
  }
  all.loss /= static_cast<double>(parallel.microBatches) * parallel.data;
  return all;
}

void takeFigures(const std::vector<comm::Bytes>& handedIn, std::vector<RankSummary>& summaries) {
  for (size_t rank = 0; rank < handedIn.size(); ++rank) {
    const auto figures = valueOf<RankFigures>(handedIn[rank]);
    RankSummary& summary = summaries[rank];
    summary.position = figures.position;
    summary.staticBytes = figures.staticBytes;
    summary.workspaceBytes = figures.workspaceBytes;
    summary.peakBytes = figures.peakBytes;
    summary.reservedBytes = figures.reservedBytes;
    summary.overshoot = figures.overshoot;
  }
}

}  // namespace caracal::executor
