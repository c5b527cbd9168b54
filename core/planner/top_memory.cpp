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

}  // namespace

int64_t topLayerBytes(const StageModel& model, int32_t kind, bool waits,
                      const std::vector<plan::Placement>& placements) {
  const LayerTimeline timeline = model.steadyTimeline(kind, kNoKind, placements);
  const int64_t kept = timeline.forwardNet() - timeline.outputBytes;
  int64_t peak = kept + timeline.earlyNet() + timeline.backwardPeak();
  if (!waits) peak = std::max(peak, forwardPeak(timeline));
  return (model.inFlight() - 1) * kept + peak;
}

}  // namespace caracal::planner
