// Schedules for tests: pipelines with known answers, played event by event into a Trace.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "core/trace/trace_builder.h"

namespace caracal::analysis::fixture {

struct PipelineOptions {
  int32_t stages = 4;
  int32_t microBatches = 8;
  int32_t replicas = 1;
  int32_t steps = 1;
  int32_t stepStride = 1;        // 2: step numbers 0, 2, 4, ...
  bool allForwardFirst = false;  // GPipe instead of 1F1B
  bool receives = true;          // record transfers between stages
  int64_t sendNs = 0;
  int64_t optimizerNs = 0;
  std::function<int64_t(int32_t stage, int32_t microBatch)> forwardNs = [](int32_t, int32_t) {
    return 10;
  };
  std::function<int64_t(int32_t stage, int32_t microBatch)> backwardNs = [](int32_t, int32_t) {
    return 20;
  };
};

// "F0 F1 B0 ..." of one stage as (isForward, micro-batch).
inline std::vector<std::pair<bool, int32_t>> passOrder(const PipelineOptions& o, int32_t stage) {
  const int32_t leading =
      o.allForwardFirst ? o.microBatches : std::min(o.stages - stage, o.microBatches);
  std::vector<std::pair<bool, int32_t>> order;
  for (int32_t m = 0; m < leading; ++m) order.emplace_back(true, m);
  for (int32_t m = leading; m < o.microBatches; ++m) {
    order.emplace_back(false, m - leading);
    order.emplace_back(true, m);
  }
  for (int32_t m = o.microBatches - leading; m < o.microBatches; ++m) order.emplace_back(false, m);
  return order;
}

struct StageTracks {
  trace::TrackIndex passes = 0, compute = 0, transfers = 0;
};

inline StageTracks addStageRank(trace::TraceBuilder& builder, int32_t number, int32_t stage,
                                int32_t replica) {
  const uint32_t rank =
      builder.addRank({.rank = number, .stage = stage, .tensorIndex = 0, .dataIndex = replica});
  using trace::TrackKind;
  return {builder.addTrack({.kind = TrackKind::kPassLane, .rank = rank, .label = "passes"}),
          builder.addTrack({.kind = TrackKind::kComputeLane, .rank = rank, .label = "compute"}),
          builder.addTrack({.kind = TrackKind::kCommLane, .rank = rank, .label = "pp-comm"})};
}

// Plays one step from `startNs`; returns its end.
inline int64_t playStep(trace::TraceBuilder& builder, const PipelineOptions& o,
                        const std::vector<StageTracks>& tracks, int32_t step, int64_t startNs) {
  using trace::EventKind;
  std::vector<int64_t> freeNs(tracks.size(), startNs);
  std::vector<size_t> next(tracks.size(), 0);
  std::map<std::tuple<bool, int32_t, int32_t>, int64_t> endOf;  // (forward, micro-batch, stage)
  bool progress = true;
  while (progress) {
    progress = false;
    for (int32_t s = 0; s < o.stages; ++s) {
      const auto order = passOrder(o, s);
      const auto at = static_cast<size_t>(s);
      while (next[at] < order.size()) {
        const auto [forward, m] = order[next[at]];
        const int32_t producer = forward ? s - 1 : s + 1;
        int64_t arrivalNs = startNs;
        if (producer >= 0 && producer < o.stages) {
          const auto end = endOf.find({forward, m, producer});
          if (end == endOf.end()) break;
          arrivalNs = end->second + o.sendNs;
          if (o.receives && o.sendNs > 0) {
            builder.add(
                {tracks[at].transfers, EventKind::kComm,
                 builder.intern(forward ? "recv.fwd" : "recv.bwd"), end->second, o.sendNs},
                {.step = step, .microBatch = m, .collective = trace::CollectiveKind::kRecv});
          }
        }
        const int64_t beginNs = std::max(freeNs[at], arrivalNs);
        const int64_t lengthNs = forward ? o.forwardNs(s, m) : o.backwardNs(s, m);
        builder.add({tracks[at].passes, EventKind::kPass, builder.intern(forward ? "F" : "B"),
                     beginNs, lengthNs},
                    {.step = step,
                     .microBatch = m,
                     .stage = s,
                     .chunk = 0,
                     .pass = forward ? trace::Pass::kForward : trace::Pass::kBackward});
        endOf[{forward, m, s}] = freeNs[at] = beginNs + lengthNs;
        ++next[at];
        progress = true;
      }
    }
  }
  const int64_t drained = *std::max_element(freeNs.begin(), freeNs.end());
  if (o.optimizerNs == 0) return drained;
  for (const StageTracks& track : tracks) {
    builder.add(
        {track.compute, EventKind::kCompute, builder.intern("optimizer"), drained, o.optimizerNs},
        {.step = step, .pass = trace::Pass::kOptimizer});
  }
  return drained + o.optimizerNs;
}

// Replicas start 7 ns after one another, so that windows differ.
inline std::shared_ptr<const trace::Trace> playPipeline(const PipelineOptions& o) {
  trace::TraceBuilder builder;
  builder.setFormat("simulated");
  std::vector<std::vector<StageTracks>> replicas(static_cast<size_t>(o.replicas));
  int32_t number = 0;
  for (int32_t r = 0; r < o.replicas; ++r) {
    for (int32_t s = 0; s < o.stages; ++s) {
      replicas[static_cast<size_t>(r)].push_back(addStageRank(builder, number++, s, r));
    }
  }
  int64_t startNs = 1000;
  for (int32_t step = 0; step < o.steps; ++step) {
    int64_t endNs = startNs;
    for (size_t r = 0; r < replicas.size(); ++r) {
      const int64_t offsetNs = 7 * static_cast<int64_t>(r);
      endNs = std::max(endNs,
                       playStep(builder, o, replicas[r], step * o.stepStride, startNs + offsetNs));
    }
    startNs = endNs;
  }
  return std::move(builder).finish();
}

}  // namespace caracal::analysis::fixture
