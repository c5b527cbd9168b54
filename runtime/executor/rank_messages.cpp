#include "runtime/executor/rank_messages.h"

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

comm::Bytes toBytes(const model::ParameterStore& parameters) {
  comm::Bytes bytes;
  append(bytes, parameters.weights());
  append(bytes, parameters.moments1());
  append(bytes, parameters.moments2());
  return bytes;
}

}  // namespace caracal::executor
