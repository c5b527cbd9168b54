#include "runtime/executor/records.h"

#include <algorithm>
#include <string>

#include "core/plan/plan.h"

namespace caracal::executor {
namespace {

using plan::Action;
using plan::Item;
using recording::OperatorRow;
using recording::RangeRow;

constexpr int32_t kNoLayer = -3;

// The rows of one rank, gathered item by item in the order things ended.
class RankRecorder {
 public:
  RankRecorder(const profile::Profile& profile, const plan::StageProgram& stage,
               const RankStep& rank, const StepFrame& frame, recording::StepRecords& records)
      : m_profile(profile), m_stage(stage), m_rank(rank), m_frame(frame), m_records(records) {}

  void add(const Item& item, const Timing& timing) {
    const OperatorRow row = rowOf(item, timing);
    addRange(rangeText(item, row), timing.span);
    m_records.operators.push_back(row);
    extendPass(item, timing);
  }

  void finish() {
    closePass();
    addRange(fmt::format("step:{}", m_frame.step), m_frame.span);
    for (const MemorySample& sample : m_rank.memory) {
      m_records.memory.push_back({m_rank.position.rank, sample.timeNs, sample.bytes});
    }
  }

 private:
  struct OpenRange {
    bool open = false;
    Span span;
    void extend(Span by) {
      span = open ? Span{std::min(span.beginNs, by.beginNs), std::max(span.endNs, by.endNs)} : by;
      open = true;
    }
  };
  struct OpenPass {
    trace::Pass pass = trace::Pass::kNone;
    int16_t chunk = -1;  // of the model
    int32_t microBatch = -1;
    OpenRange range;
  };
  struct OpenLayer {
    int32_t layer = kNoLayer;
    OpenRange range;
  };

  const profile::Operator& operatorOf(const Item& item) const {
    const auto op = static_cast<size_t>(item.op);
    if (item.layer == plan::kFirstEnd) return m_profile.first.operators[op];
    if (item.layer == plan::kLastEnd) return m_profile.last.operators[op];
    return m_profile.kindOf(item.layer).operators[op];
  }

  std::string nameOf(const Item& item) const {
    switch (item.action) {
      case Action::kForward:
      case Action::kBackward:
      case Action::kRecompute:
      case Action::kWeightGradient:
        return operatorOf(item).id;
      case Action::kOffloadStart:
      case Action::kOffloadWait:
        return "offload." + operatorOf(item).id;
      case Action::kFetchStart:
      case Action::kFetchWait:
        return "fetch." + operatorOf(item).id;
      case Action::kCollectiveStart:
      case Action::kCollectiveWait:
        if (item.window >= 0)
          return m_profile.kindOf(item.layer).windows[static_cast<size_t>(item.window)].id;
        return (item.window == plan::kRepeatedCollective ? "recompute." : "") + operatorOf(item).id;
      case Action::kRecvForward:
        return "recv.fwd";
      case Action::kSendForward:
        return "send.fwd";
      case Action::kRecvBackward:
        return "recv.bwd";
      case Action::kSendBackward:
        return "send.bwd";
      case Action::kGradientReduce:
      case Action::kReduceStart:
      case Action::kReduceWait:
        return "dp.reduce";
      case Action::kOptimizer:
        return "optimizer";
    }
    return {};
  }

  static std::string laneOf(Action action) {
    switch (action) {
      case Action::kCollectiveStart:
      case Action::kCollectiveWait:
        return "tp-comm";
      case Action::kRecvForward:
      case Action::kSendForward:
      case Action::kRecvBackward:
      case Action::kSendBackward:
        return "pp-comm";
      case Action::kGradientReduce:
      case Action::kReduceStart:
      case Action::kReduceWait:
        return "dp-comm";
      case Action::kOffloadStart:
      case Action::kOffloadWait:
        return "copy-out";
      case Action::kFetchStart:
      case Action::kFetchWait:
        return "copy-in";
      default:
        return "compute";
    }
  }

  // What moves when weights are updated.
  static void nameTransfer(Part part, OperatorRow& row) {
    if (part == Part::kWork) return;
    row.kind = trace::EventKind::kComm;
    row.lane = part == Part::kRowSums ? "tp-comm" : "dp-comm";
    row.name = part == Part::kRowSums ? "tp.reduce" : "dp.gather";
  }

  OperatorRow rowOf(const Item& item, const Timing& timing) const {
    OperatorRow row;
    row.rank = m_rank.position.rank;
    row.lane = laneOf(item.action);
    row.kind = row.lane == "compute"           ? trace::EventKind::kCompute
               : row.lane.starts_with("copy-") ? trace::EventKind::kMemcpy
                                               : trace::EventKind::kComm;
    if (item.action == Action::kRecompute) {
      row.kind = trace::EventKind::kRecompute;
      row.window = item.window + 1;
    }
    row.pass = item.pass;
    row.name = nameOf(item);
    row.beginNs = timing.span.beginNs;
    row.endNs = timing.span.endNs;
    row.transferNs = timing.transferNs;
    row.step = m_frame.step;
    row.microBatch = item.microBatch;
    row.layer = item.layer;
    row.bytes = timing.bytes;
    row.askedNs = timing.askedNs;
    nameTransfer(timing.part, row);
    return row;
  }

  static std::string rangeText(const Item& item, const OperatorRow& row) {
    if (row.kind == trace::EventKind::kComm) return "comm:" + row.name;
    if (row.kind == trace::EventKind::kCompute) return "op:" + row.name;
    if (row.kind == trace::EventKind::kMemcpy) return "copy:" + row.name;
    const plan::Placement placement =
        item.window < 0 ? plan::Placement{plan::PlacementKind::kOnDemand}
                        : plan::Placement{plan::PlacementKind::kWindow,
                                          static_cast<plan::WindowId>(item.window)};
    return fmt::format("recompute:{}:{}", row.name, plan::toText(placement));
  }

  // A pass begins with its first work after what it waited for, so that neither the wait for a
  // neighbour nor the recomputation that fills it is counted as part of it.
  void extendPass(const Item& item, const Timing& timing) {
    if (m_pass.pass != item.pass || m_pass.chunk != item.chunk ||
        m_pass.microBatch != item.passMicroBatch) {
      closePass();
      m_pass = {item.pass, item.chunk, item.passMicroBatch, {}};
    }
    switch (item.action) {
      case Action::kRecvForward:
      case Action::kRecvBackward:
        m_pass.range = {};
        return;
      case Action::kSendForward:
      case Action::kSendBackward:
      case Action::kGradientReduce:
      case Action::kReduceStart:
      case Action::kReduceWait:
      case Action::kOptimizer:
        return;
      default:
        break;
    }
    m_pass.range.extend(timing.span);
    if (item.action == Action::kRecompute || item.window == plan::kRepeatedCollective) return;
    if (m_layer.layer != item.layer) {
      closeLayer();
      m_layer = {item.layer, {}};
    }
    m_layer.range.extend(timing.span);
  }

  void closeLayer() {
    if (m_layer.layer >= 0 && m_layer.range.open)
      addRange(fmt::format("layer:{}", m_layer.layer), m_layer.range.span);
    m_layer = {};
  }

  void closePass() {
    closeLayer();
    if (m_pass.range.open) {
      addRange(recording::passLabel(m_pass.pass, m_pass.microBatch, m_rank.position.stage,
                                    slotOf(m_pass.chunk)),
               m_pass.range.span);
    }
    m_pass = {};
  }

  // Place of a chunk of the model among those of the stage; 0 for the end of the step.
  int32_t slotOf(int16_t chunk) const {
    int32_t slot = 0;
    while (chunk >= 0 && m_stage.chunks[static_cast<size_t>(slot)].chunk != chunk) ++slot;
    return slot;
  }

  void addRange(std::string text, Span span) {
    m_records.ranges.push_back({m_rank.position.rank, std::move(text), span.beginNs, span.endNs});
  }

  const profile::Profile& m_profile;
  const plan::StageProgram& m_stage;
  const RankStep& m_rank;
  const StepFrame& m_frame;
  recording::StepRecords& m_records;
  OpenPass m_pass;
  OpenLayer m_layer;
};

}  // namespace

recording::StepRecords recordsOf(const profile::Profile& profile, const plan::Program& program,
                                 const StepFrame& frame, std::span<const RankStep> ranks) {
  recording::StepRecords records;
  for (const RankStep& rank : ranks) {
    const plan::StageProgram& stage = program.stages[static_cast<size_t>(rank.position.stage)];
    RankRecorder recorder(profile, stage, rank, frame, records);
    for (const Timing& timing : rank.timings) recorder.add(stage.items[timing.label], timing);
    recorder.finish();
  }
  records.steps.push_back(
      {frame.step, frame.span.beginNs, frame.span.endNs, frame.loss, frame.peakBytes});
  return records;
}

}  // namespace caracal::executor
