#include "core/planner/top_memory.h"

#include <algorithm>

namespace caracal::planner {
namespace {

int64_t forwardPeak(const LayerTimeline& timeline) {
  int64_t peak = 0, now = 0;
  for (size_t piece = 0; piece <= timeline.forwardWindows(); ++piece) {
    peak = std::max(peak, now + timeline.forward(piece).peak);
    now += timeline.forward(piece).net;
  }
  return peak;
}

// From `now` bytes on, up to where the layer's input is released.
int64_t backwardPeak(const LayerTimeline& timeline, int64_t now) {
  int64_t peak = now;
  const auto run = [&](const PhaseBytes& phase) {
    peak = std::max(peak, now + phase.peak);
    now += phase.net;
  };
  for (size_t piece = 0; piece <= timeline.lastBackward; ++piece) {
    run(timeline.backward(piece));
    if (piece < timeline.lastBackward && timeline.ownWindow == piece) run(timeline.own());
  }
  return peak;
}

}  // namespace

int64_t topLayerBytes(const StageModel& model, int32_t kind, bool waits,
                      const std::vector<plan::Placement>& placements) {
  const LayerVariant variant = model.variantOf(kind, kNoKind, placements);
  const LayerTimeline timeline = model.bytesOf(variant, placements).steady;
  const int64_t kept = timeline.forwardNet() - timeline.outputBytes;
  int64_t peak = backwardPeak(timeline, kept + timeline.earlyNet());
  if (!waits) peak = std::max(peak, forwardPeak(timeline));
  return (model.inFlight() - 1) * kept + peak;
}

}  // namespace caracal::planner
