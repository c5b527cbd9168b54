// The times that a recording shows, gathered per operator, collective and transfer; part of
// profileFromRecording().
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/trace/trace.h"

namespace caracal::profile {

enum class Place : uint8_t { kFirst, kLayer, kLast };  // embed; a layer; final_ln, head, loss

struct OperatorKey {
  Place place = Place::kLayer;
  std::string id;
  trace::Pass pass = trace::Pass::kForward;
  auto tie() const { return std::tie(place, id, pass); }
  bool operator<(const OperatorKey& other) const { return tie() < other.tie(); }
};

struct Samples {
  std::vector<int64_t> durationsNs;
  int64_t bytes = -1;  // of the output or payload, as recorded; -1: not recorded
};

struct RecordedTimes {
  std::map<OperatorKey, Samples> operators;
  std::map<std::string, Samples> collectives;           // "fwd.attn": transfer parts
  std::map<std::string, Samples> transfers;             // "recv.fwd", "recv.bwd"
  std::map<int32_t, std::vector<int64_t>> optimizerNs;  // by stage
  std::map<int32_t, std::vector<int64_t>>
      reductionsNs;  // by stage: data-parallel transfer parts of a step
  std::map<Place, std::vector<int64_t>>
      layerReductionsNs;  // likewise, of runs that reduce by layer
  // By stage: how many reductions of layers or buckets a step had on a rank.
  std::map<int32_t, int32_t> reductionsPerStep;
  // By stage: what the update of the weights moved (`tp.reduce`, `dp.gather`), per step and rank.
  std::map<int32_t, std::vector<int64_t>> closingNs;
  std::map<int32_t, int64_t> peakBytes;  // by stage, over its ranks

  // How much longer a pass's operators take than the sum of their medians, in the median over
  // passes. Durations have long tails to one side, so that the sum of medians is less than the
  // median sum.
  double forwardSpread = 1;
  double backwardSpread = 1;

  // Median duration; 0 when there are no such samples.
  int64_t operatorMedianNs(const OperatorKey& key) const;
  // Median times the spread of its pass: what adds up to passes.
  int64_t operatorNs(const OperatorKey& key) const;
  int64_t collectiveNs(const std::string& id) const;
  int64_t transferNs(const std::string& id) const;
};

// Events of steps before `firstStep` are left out.
RecordedTimes gatherRecordedTimes(const trace::Trace& trace, int32_t firstStep);

}  // namespace caracal::profile
