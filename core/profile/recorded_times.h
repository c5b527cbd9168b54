// The times that a recording shows, gathered per operator, collective and transfer; part of
// profileFromRecording().
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
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

// How much longer passes take than the sum of their operators' medians (pass_spread.h). Durations
// have long tails to one side, a tensor-parallel group goes at the pace of the rank that is last at
// each collective, and the host takes its time between two operators: so the sum of medians is less
// than the median step. Operators stretched by the spread add up to it.
struct PassSpread {
  double forward = 1;
  double backward = 1;  // and of weight gradients
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

  PassSpread spread;

  // Median times the spread of its direction: what adds up to steps. 0 where it did not run.
  int64_t operatorNs(const OperatorKey& key) const;
  int64_t collectiveNs(const std::string& id) const;
  int64_t transferNs(const std::string& id) const;
};

OperatorKey operatorKeyOf(const trace::EventArgs& args, std::string_view id);

// Events of steps before `firstStep` are left out. `typicalSteps`, not before it, are those whose
// passes the operators shall add up to.
RecordedTimes gatherRecordedTimes(const trace::Trace& trace, int32_t firstStep,
                                  const std::set<int32_t>& typicalSteps);

}  // namespace caracal::profile
