#include "core/profile/recorded_times.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "core/analysis/collectives.h"
#include "core/analysis/lanes.h"
#include "core/base/statistics.h"
#include "core/profile/pass_spread.h"

namespace caracal::profile {
namespace {

using trace::EventIndex;
using trace::EventKind;
using trace::Trace;

// Layers of the model ends in EventArgs::layer (docs/trace-conventions.md).
constexpr int32_t kFirstEndLayer = -1;
constexpr int32_t kLastEndLayer = -2;
constexpr int32_t kNoLayer = -3;

Place placeOf(int32_t layer) {
  if (layer == kFirstEndLayer) return Place::kFirst;
  return layer == kLastEndLayer ? Place::kLast : Place::kLayer;
}

void addSample(Samples& samples, int64_t durationNs, int64_t bytes) {
  samples.durationsNs.push_back(durationNs);
  samples.bytes = std::max(samples.bytes, bytes);
}

class Gatherer {
 public:
  Gatherer(const Trace& trace, int32_t firstStep) : m_trace(trace), m_firstStep(firstStep) {}

  RecordedTimes run(const std::set<int32_t>& typicalSteps) && {
    readCollectives();
    forEachEvent([&](const trace::Track& track, EventIndex e, const trace::EventArgs& args) {
      const int32_t stage = std::max(m_trace.ranks()[track.rank].stage, 0);
      if (m_trace.kind(e) == EventKind::kCompute) readOperator(e, args, stage);
      if (m_trace.kind(e) == EventKind::kComm) readComm(track, e, args);
    });
    sumByStage();
    m_times.spread = passSpread(m_trace, typicalSteps, m_times.operators, std::move(m_transfers));
    readMemory();
    return std::move(m_times);
  }

 private:
  template <class Visit>  // (track, event, args) of the counted steps
  void forEachEvent(Visit visit) const {
    for (const trace::Track& track : m_trace.tracks()) {
      for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
        const auto args = m_trace.args(e);
        if (args && args->step >= m_firstStep) visit(track, e, *args);
      }
    }
  }

  // Matched once for the whole trace: a member alone does not know when the last rank came.
  void readCollectives() {
    for (const auto& match : analysis::matchCollectives(m_trace, analysis::CommNames{}).matched) {
      for (const auto& member : match.members) {
        m_matched.insert(member.event);
        m_transfers[member.rankIndex].push_back(
            {match.lastStartNs, match.lastStartNs + match.transferNs});
      }
      if (match.step < m_firstStep) continue;
      const EventIndex event = match.members.front().event;
      addCollective(event, match.bytes, match.transferNs, match.members.front().rankIndex);
    }
  }

  // Of one step on one rank.
  struct StepKey {
    uint32_t rank = 0;
    int32_t step = 0;
    bool operator<(const StepKey& other) const {
      return std::tie(rank, step) < std::tie(other.rank, other.step);
    }
  };
  struct Sum {
    int64_t ns = 0;
    int32_t count = 0;
    void add(int64_t transferNs) {
      ns += transferNs;
      ++count;
    }
  };
  using SumsByStep = std::map<StepKey, Sum>;

  void addCollective(EventIndex event, int64_t bytes, int64_t transferNs, uint32_t rank) {
    const std::string id(m_trace.name(event));
    const auto args = m_trace.args(event);
    const StepKey key{rank, args ? args->step : 0};
    if (id == "tp.reduce" || id == "dp.gather") return m_closing[key].add(transferNs);
    if (id != "dp.reduce") return addSample(m_times.collectives[id], transferNs, bytes);
    m_reductions[key].add(transferNs);
    if (args && args->layer != kNoLayer)
      m_times.layerReductionsNs[placeOf(args->layer)].push_back(transferNs);
  }

  void sumByStage() {
    const auto stageOf = [&](uint32_t rank) { return std::max(m_trace.ranks()[rank].stage, 0); };
    for (const auto& [key, sum] : m_closing) m_times.closingNs[stageOf(key.rank)].push_back(sum.ns);
    for (const auto& [key, sum] : m_reductions) {
      m_times.reductionsNs[stageOf(key.rank)].push_back(sum.ns);
      m_times.reductionsPerStep[stageOf(key.rank)] = sum.count;
    }
  }

  void readOperator(EventIndex e, const trace::EventArgs& args, int32_t stage) {
    if (args.pass == trace::Pass::kOptimizer) {
      m_times.optimizerNs[stage].push_back(m_trace.durationNs(e));
      return;
    }
    addSample(m_times.operators[operatorKeyOf(args, m_trace.name(e))], m_trace.durationNs(e),
              args.bytes);
  }

  void readComm(const trace::Track& track, EventIndex e, const trace::EventArgs& args) {
    if (analysis::laneOf(track) == analysis::Lane::kPipeline) {
      // Both sides of a transfer show the same span: one of them counts.
      if (analysis::isReceive(m_trace.name(e))) {
        addSample(m_times.transfers[std::string(m_trace.name(e))], m_trace.durationNs(e),
                  args.bytes);
      }
    } else if (m_matched.count(e) == 0) {
      // One rank of the group alone is in the trace: all of its time counts as transfer.
      m_transfers[track.rank].push_back(m_trace.span(e));
      addCollective(e, args.bytes, m_trace.durationNs(e), track.rank);
    }
  }

  void readMemory() {
    for (const trace::CounterSeries& series : m_trace.counters()) {
      if (series.name != "memory" || series.values.empty()) continue;
      int64_t& peak = m_times.peakBytes[std::max(m_trace.ranks()[series.rank].stage, 0)];
      peak = std::max(peak, *std::max_element(series.values.begin(), series.values.end()));
    }
  }

  const Trace& m_trace;
  int32_t m_firstStep;
  std::set<EventIndex> m_matched;
  TransferSpans m_transfers;
  SumsByStep m_closing, m_reductions;
  RecordedTimes m_times;
};

template <class Key>
int64_t medianOf(const std::map<Key, Samples>& samples, const Key& key) {
  const auto found = samples.find(key);
  return found == samples.end() ? 0 : median(found->second.durationsNs);
}

}  // namespace

OperatorKey operatorKeyOf(const trace::EventArgs& args, std::string_view id) {
  return {placeOf(args.layer), std::string(id), args.pass};
}

int64_t RecordedTimes::operatorNs(const OperatorKey& key) const {
  const double stretch = key.pass == trace::Pass::kForward ? spread.forward : spread.backward;
  return std::llround(static_cast<double>(medianOf(operators, key)) * stretch);
}
int64_t RecordedTimes::collectiveNs(const std::string& id) const {
  return medianOf(collectives, id);
}
int64_t RecordedTimes::transferNs(const std::string& id) const {
  return medianOf(transfers, id);
}

RecordedTimes gatherRecordedTimes(const Trace& trace, int32_t firstStep,
                                  const std::set<int32_t>& typicalSteps) {
  return Gatherer(trace, firstStep).run(typicalSteps);
}

}  // namespace caracal::profile
