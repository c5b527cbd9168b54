#include "tests/app/ui/drawn_trace.h"

#include <algorithm>
#include <random>

namespace caracal::test {

using namespace caracal::trace;

std::shared_ptr<const Trace> drawTrace(const std::vector<DrawnTrack>& tracks, uint32_t ranks) {
  TraceBuilder builder;
  for (uint32_t r = 0; r < ranks; ++r) {
    Rank rank;
    rank.rank = static_cast<int32_t>(r);
    rank.device = static_cast<int32_t>(r);
    rank.deviceName = "drawn GPU";
    builder.addRank(rank);
  }
  for (const DrawnTrack& drawn : tracks) {
    Track track;
    track.kind = drawn.kind;
    track.rank = drawn.rank;
    track.label = drawn.label;
    const TrackIndex index = builder.addTrack(track);
    const std::string& row = drawn.drawing;
    for (size_t i = 0; i < row.size();) {
      size_t end = i + 1;
      while (end < row.size() && row[end] == row[i]) ++end;
      if (row[i] != '.') {
        builder.add({index, drawn.eventKind, builder.intern(std::string(1, row[i])),
                     static_cast<int64_t>(i) * kDrawnNs, static_cast<int64_t>(end - i) * kDrawnNs,
                     0});
      }
      i = end;
    }
  }
  return std::move(builder).finish();
}

namespace {

struct Op {
  Pass pass;
  int microBatch;
};

std::vector<Op> oneFOneB(int stages, int stage, int microBatches) {
  std::vector<Op> ops;
  const int warmup = std::min(stages - 1 - stage, microBatches);
  for (int f = 0; f < warmup; ++f) ops.push_back({Pass::kForward, f});
  for (int i = 0; i + warmup < microBatches; ++i) {
    ops.push_back({Pass::kForward, i + warmup});
    ops.push_back({Pass::kBackward, i});
  }
  for (int b = microBatches - warmup; b < microBatches; ++b) ops.push_back({Pass::kBackward, b});
  return ops;
}

}  // namespace

DrawnPipeline drawPipeline(int stages, int microBatches, int steps, int64_t unitNs) {
  const int64_t forward = 10 * unitNs;
  const int64_t backward = 20 * unitNs;
  const int64_t stepNs = (microBatches + stages - 1) * (forward + backward);
  TraceBuilder builder;
  auto model = std::make_shared<analysis::StepModel>();
  model->stageCount = stages;
  model->replicaCount = 1;
  model->microBatches = microBatches;
  model->schedule = "1F1B";
  for (int s = 0; s < stages; ++s) {
    Rank rank;
    rank.rank = s;
    rank.stage = s;
    rank.tensorIndex = 0;
    rank.dataIndex = 0;
    builder.addRank(rank);
    Track track;
    track.kind = TrackKind::kPassLane;
    track.rank = static_cast<uint32_t>(s);
    track.label = "passes";
    builder.addTrack(track);
  }
  for (int step = 0; step < steps; ++step) {
    const int64_t start = step * stepNs;
    std::vector<std::vector<Op>> todo(static_cast<size_t>(stages));
    std::vector<int64_t> free(static_cast<size_t>(stages), start);
    std::vector<std::vector<int64_t>> forwardEnd(
        todo.size(), std::vector<int64_t>(static_cast<size_t>(microBatches), -1));
    std::vector<std::vector<int64_t>> backwardEnd = forwardEnd;
    std::vector<size_t> next(todo.size(), 0);
    std::vector<analysis::StageStep> stageSteps(todo.size());
    for (size_t s = 0; s < todo.size(); ++s)
      todo[s] = oneFOneB(stages, static_cast<int>(s), microBatches);
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t s = 0; s < todo.size(); ++s) {
        if (next[s] == todo[s].size()) continue;
        const Op op = todo[s][next[s]];
        const auto mb = static_cast<size_t>(op.microBatch);
        int64_t ready = start;
        if (op.pass == Pass::kForward && s > 0) ready = forwardEnd[s - 1][mb];
        if (op.pass == Pass::kBackward && s + 1 < todo.size()) ready = backwardEnd[s + 1][mb];
        if (ready < 0) continue;
        const int64_t begin = std::max(free[s], ready);
        const int64_t length = op.pass == Pass::kForward ? forward : backward;
        EventArgs args;
        args.pass = op.pass;
        args.microBatch = op.microBatch;
        args.stage = static_cast<int32_t>(s);
        args.step = step;
        const EventIndex event =
            builder.add({static_cast<TrackIndex>(s), EventKind::kPass,
                         builder.intern(trace::name(op.pass)), begin, length, 0},
                        args);
        if (begin > free[s]) {
          const auto cause = op.pass == Pass::kForward ? analysis::IdleCause::kWarmup
                                                       : analysis::IdleCause::kWaitDownstream;
          stageSteps[s].bubbles.push_back({{free[s], begin}, cause});
        }
        stageSteps[s].passes.push_back({event, op.pass, op.microBatch, 0, {begin, begin + length}});
        free[s] = begin + length;
        (op.pass == Pass::kForward ? forwardEnd : backwardEnd)[s][mb] = free[s];
        ++next[s];
        moved = true;
      }
    }
    for (size_t s = 0; s < todo.size(); ++s) {
      analysis::StageStep& stage = stageSteps[s];
      stage.step = step;
      stage.stage = static_cast<int32_t>(s);
      stage.rankIndex = static_cast<uint32_t>(s);
      stage.stepSpan = stage.pipelineWindow = {start, start + stepNs};
      if (free[s] < start + stepNs) {
        stage.bubbles.push_back({{free[s], start + stepNs}, analysis::IdleCause::kCooldown});
      }
      stage.computeNs = microBatches * (forward + backward);
      stage.bubbleNs = stepNs - stage.computeNs;
      model->stageSteps.push_back(stage);
    }
    model->steps.push_back({step, 0, stepNs, stepNs});
  }
  builder.setTag(Tag::kSimulated);
  DrawnPipeline pipeline{std::move(builder).finish(), nullptr};
  // finish() sorts events track by track: name them again by their place.
  for (analysis::StageStep& stage : model->stageSteps) {
    const Track& track = pipeline.trace->tracks()[stage.rankIndex];
    for (analysis::PassSpan& pass : stage.passes) {
      for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
        if (pipeline.trace->beginNs(e) == pass.span.beginNs) pass.event = e;
      }
    }
  }
  pipeline.model = model;
  return pipeline;
}

std::shared_ptr<const Trace> randomTrace(unsigned seed, int tracks, int events) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int64_t> begin(0, 1'000'000);
  std::exponential_distribution<double> length(1.0 / 500.0);
  TraceBuilder builder;
  builder.addRank({});
  for (int t = 0; t < tracks; ++t) {
    Track track;
    track.kind = t % 2 == 0 ? TrackKind::kGpuStream : TrackKind::kCpuThread;
    track.id = t;
    track.label = (t % 2 == 0 ? "stream " : "thread ") + std::to_string(t);
    builder.addTrack(track);
  }
  for (int e = 0; e < events; ++e) {
    const auto track = static_cast<TrackIndex>(random() % static_cast<unsigned>(tracks));
    const EventKind kind = track % 2 == 0 ? EventKind::kKernel : EventKind::kCpuOp;
    builder.add({track, kind, builder.intern("op" + std::to_string(random() % 50)), begin(random),
                 static_cast<int64_t>(length(random)), 0});
  }
  return std::move(builder).finish();
}

std::shared_ptr<const ui::Scene> sceneOf(std::shared_ptr<const Trace> trace) {
  return ui::buildScene({{"drawn", std::move(trace), nullptr, {}}});
}

std::shared_ptr<const ui::Scene> sceneOf(const DrawnPipeline& pipeline) {
  return ui::buildScene({{"drawn", pipeline.trace, pipeline.model, {}}});
}

}  // namespace caracal::test
