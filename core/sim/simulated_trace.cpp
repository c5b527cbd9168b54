#include "core/sim/simulated_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "core/plan/stage_shape.h"
#include "core/plan/tensor_bytes.h"
#include "core/sim/item_durations.h"
#include "core/trace/trace_builder.h"

namespace caracal::sim {
namespace {

using plan::Action;
using plan::Item;
using trace::EventArgs;
using trace::EventKind;
using trace::Pass;
using trace::TrackKind;

constexpr int32_t kNoLayer = -3;  // optimizer, gradient reduction

// Writes the tracks of one device.
class StageWriter {
 public:
  StageWriter(trace::TraceBuilder& builder, const plan::DeviceShape& shape,
              const plan::StageProgram& program, const Replay& replay)
      : m_builder(builder),
        m_shape(shape),
        m_program(program),
        m_profile(shape.chunks.front().profile),
        m_replay(replay) {
    const profile::ParallelShape& parallel = m_profile.parallel;
    m_ranksPerStage = parallel.ranks() / parallel.pipeline;
    trace::Rank rank;
    rank.rank = shape.device * m_ranksPerStage;
    rank.stage = shape.device;
    rank.tensorIndex = 0;
    rank.dataIndex = 0;
    rank.deviceName = m_profile.hardware;
    rank.foundBy = "simulation";
    m_rank = builder.addRank(rank);
  }

  void writePasses(const StageFigures& figures, const std::vector<MemorySample>& memory) {
    const auto steps = track(TrackKind::kOther, "steps");
    EventArgs step = baseArgs();
    step.stage = -1;
    add(steps, EventKind::kAnnotation, "step:0", {0, m_replay.stepNs}, step);
    const auto passes = track(TrackKind::kPassLane, "passes");
    for (const PassTime& pass : figures.passes) {
      EventArgs args = baseArgs();
      args.pass = pass.pass;
      args.microBatch = pass.microBatch;
      args.chunk = static_cast<decltype(args.chunk)>(m_shape.slotOf(pass.chunk));
      add(passes, EventKind::kPass, trace::name(pass.pass), pass.span, args);
    }
    trace::CounterSeries series;
    series.name = "memory";
    series.unit = "bytes";
    series.rank = m_rank;
    for (const MemorySample& sample : memory) {
      series.timesNs.push_back(sample.timeNs);
      series.values.push_back(sample.bytes);
    }
    m_builder.addCounter(std::move(series));
  }

  void writeOperators() {
    m_compute = track(TrackKind::kComputeLane, "compute");
    m_collectives = track(TrackKind::kCommLane, "tp-comm");
    m_transfers = track(TrackKind::kCommLane, "pp-comm");
    if (m_profile.parallel.gradientReplicas() > 1)
      m_reductions = track(TrackKind::kCommLane, "dp-comm");
    if (plan::hostBytes(m_shape) > 0) {
      m_offloads = track(TrackKind::kCommLane, "copy-out");
      m_fetches = track(TrackKind::kCommLane, "copy-in");
    }
    for (size_t i = 0; i < m_program.items.size(); ++i) write(m_program.items[i], times().items[i]);
  }

 private:
  trace::TrackIndex track(TrackKind kind, const char* label) {
    trace::Track track;
    track.kind = kind;
    track.rank = m_rank;
    track.id = m_tracks++;
    track.label = label;
    return m_builder.addTrack(track);
  }

  EventArgs baseArgs() const {
    EventArgs args;
    args.step = 0;
    args.stage = m_shape.device;
    return args;
  }

  EventArgs argsOf(const Item& item) const {
    EventArgs args = baseArgs();
    args.layer = item.layer;
    args.microBatch = item.microBatch;
    args.pass = item.pass;
    return args;
  }

  void add(trace::TrackIndex track, EventKind kind, std::string_view name, Span span,
           const EventArgs& args) {
    m_builder.add({track, kind, m_builder.intern(name), span.beginNs, span.lengthNs()}, args);
  }

  const profile::Operator& operatorOf(const Item& item) const {
    return m_shape.of(item).operators(item.layer)[static_cast<size_t>(item.op)];
  }

  std::string_view operatorId(const Item& item) const { return operatorOf(item).id; }

  void write(const Item& item, const ItemTime& time) {
    const Span span{time.beginNs, time.endNs};
    EventArgs args = argsOf(item);
    switch (item.action) {
      case Action::kForward:
        if (item.op < 0) return;
        [[fallthrough]];
      case Action::kBackward:
      case Action::kWeightGradient:
        add(m_compute, EventKind::kCompute, operatorId(item), span, args);
        return;
      case Action::kRecompute:
        args.window = static_cast<uint8_t>(item.window + 1);
        add(m_compute, EventKind::kRecompute, operatorId(item), span, args);
        return;
      case Action::kCollectiveStart:
        writeCollective(item, span, args);
        return;
      case Action::kCollectiveWait:
      case Action::kReduceWait:
      case Action::kOffloadWait:
      case Action::kFetchWait:
        return;
      case Action::kOffloadStart:
        writeCopy(m_offloads, "offload.", item, span);
        return;
      case Action::kFetchStart:
        writeCopy(m_fetches, "fetch.", item, span);
        return;
      case Action::kRecvForward:
        writeTransfer(item, "recv.fwd", spanOf(times().activations[arrival(item)]),
                      held(item).before);
        return;
      case Action::kRecvBackward:
        writeTransfer(item, "recv.bwd", spanOf(times().gradients[arrival(item)]), held(item).after);
        return;
      case Action::kSendForward:
        writeTransfer(item, "send.fwd", span, held(item).after);
        return;
      case Action::kSendBackward:
        writeTransfer(item, "send.bwd", span, held(item).before);
        return;
      case Action::kGradientReduce:
        args.layer = kNoLayer;
        [[fallthrough]];
      case Action::kReduceStart:
        args.pass = Pass::kOptimizer;
        args.collective = trace::CollectiveKind::kAllReduce;
        add(m_reductions, EventKind::kComm, "dp.reduce", span, args);
        return;
      case Action::kOptimizer:
        args.layer = kNoLayer;
        add(m_compute, EventKind::kCompute, "optimizer", span, args);
        return;
    }
  }

  void writeCopy(trace::TrackIndex track, const char* verb, const Item& item, Span span) {
    EventArgs args = argsOf(item);
    args.bytes = operatorOf(item).retainedBytes();
    add(track, EventKind::kMemcpy, verb + std::string(operatorId(item)), span, args);
  }

  void writeCollective(const Item& item, Span span, EventArgs args) {
    args.collective = trace::CollectiveKind::kAllReduce;
    args.sequence = m_sequence++;
    if (item.window < 0) {
      const bool repeated = item.window == plan::kRepeatedCollective;
      if (repeated) args.pass = Pass::kRecompute;
      args.bytes = operatorOf(item).outputBytes;
      const std::string id(operatorId(item));
      add(m_collectives, EventKind::kComm, repeated ? "recompute." + id : id, span, args);
      return;
    }
    const profile::Window& window =
        m_profile.kindOf(item.layer).windows[static_cast<size_t>(item.window)];
    args.bytes = window.bytes;
    // What compute already covers ran before the moment from which the program can fill the window.
    if (!item.split) span.beginNs -= std::min(window.overlappedNs, window.transferNs);
    add(m_collectives, EventKind::kComm, window.id, span, args);
  }

  // A receive shows the sender's span: the transfer, without the wait for it.
  static Span spanOf(const ItemTime& time) { return {time.beginNs, time.endNs}; }
  size_t arrival(const Item& item) const {
    return m_shape.slotOf(item.chunk) * static_cast<size_t>(m_profile.parallel.microBatches) +
           static_cast<size_t>(item.microBatch);
  }
  const StageTimes& times() const { return m_replay.stages[static_cast<size_t>(m_shape.device)]; }
  const plan::HeldChunk& held(const Item& item) const {
    return m_program.chunks[m_shape.slotOf(item.chunk)];
  }

  void writeTransfer(const Item& item, const char* name, Span span, int32_t peer) {
    EventArgs args = argsOf(item);
    args.layer = kNoLayer;
    args.peer = peer * m_ranksPerStage;
    args.bytes = m_profile.sendBytes;
    add(m_transfers, EventKind::kComm, name, span, args);
  }

  trace::TraceBuilder& m_builder;
  const plan::DeviceShape& m_shape;
  const plan::StageProgram& m_program;
  const profile::Profile& m_profile;
  const Replay& m_replay;
  int32_t m_ranksPerStage = 1;
  uint32_t m_rank = 0;
  int64_t m_tracks = 0;
  int64_t m_sequence = 0;
  trace::TrackIndex m_compute = 0, m_collectives = 0, m_transfers = 0, m_reductions = 0;
  trace::TrackIndex m_offloads = 0, m_fetches = 0;
};

void writeMeta(const profile::Profile& profile, const plan::Plan& plan, const SimResult& result,
               trace::TraceBuilder& builder) {
  auto& meta = builder.meta();
  const auto link = [&](const std::string& name, const profile::Link& value) {
    meta["link." + name + ".latencyNs"] = std::to_string(value.latencyNs);
    meta["link." + name + ".bytesPerSecond"] = fmt::format("{}", value.bytesPerSecond);
  };
  link("tensor", profile.tensorLink);
  link("pipeline", profile.pipelineLink);
  link("data", profile.dataLink);
  if (profile.hostLink.bytesPerSecond > 0) link("host", profile.hostLink);
  meta["clock"] = "virtual";
  meta["policy"] = plan.policy;
  if (plan.schedule != "1F1B") meta["schedule"] = plan.schedule;
  meta["profileHash"] = plan.profileHash;
  meta["hardware"] = profile.hardware;
  meta["tp"] = std::to_string(profile.parallel.tensor);
  meta["pp"] = std::to_string(result.stages.size());
  meta["dp"] = std::to_string(profile.parallel.data);
  meta["microBatches"] = std::to_string(profile.parallel.microBatches);
  meta["workspaceBytes"] = std::to_string(profile.memory.workspaceBytes);
  std::string partition;
  for (const StageResult& stage : result.stages) {
    meta[fmt::format("staticBytes.{}", stage.stage)] = std::to_string(stage.staticBytes);
    partition += fmt::format("{}{}", partition.empty() ? "" : ",", stage.layers);
  }
  meta["partition"] = partition;
}

}  // namespace

std::shared_ptr<const trace::Trace> traceOf(const profile::Profile& profile, const plan::Plan& plan,
                                            const plan::Program& program, const Replay& replay,
                                            const std::vector<StageFigures>& figures,
                                            const SimResult& result, TraceDetail detail) {
  trace::TraceBuilder builder;
  builder.setTag(trace::Tag::kSimulated);
  builder.setFormat("simulated");
  writeMeta(profile, plan, result, builder);
  const plan::ProfileGraphs graphs(profile);
  for (size_t s = 0; s < program.stages.size(); ++s) {
    const plan::DeviceShape shape = plan::deviceShape(profile, graphs, plan, program.stages[s]);
    StageWriter writer(builder, shape, program.stages[s], replay);
    writer.writePasses(figures[s], result.stages[s].memory);
    if (detail == TraceDetail::kOperators) writer.writeOperators();
  }
  return std::move(builder).finish();
}

}  // namespace caracal::sim
