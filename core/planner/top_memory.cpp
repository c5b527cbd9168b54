#include "core/planner/top_memory.h"

#include <algorithm>
#include <initializer_list>

namespace caracal::planner {
namespace {

// Highest of phases that follow each other, up to `last`, from `now` bytes on.
int64_t peakOf(const LayerTimeline& timeline, std::initializer_list<Phase> phases, Phase last,
               int64_t now) {
  int64_t peak = now;
  for (const Phase phase : phases) {
    if (phase > last) break;
    peak = std::max(peak, now + timeline[phase].peak);
    now += timeline[phase].net;
  }
  return peak;
}

int64_t netOf(const LayerTimeline& timeline, std::initializer_list<Phase> phases) {
  int64_t bytes = 0;
  for (const Phase phase : phases) bytes += timeline[phase].net;
  return bytes;
}

}  // namespace

int64_t topLayerBytes(const StageModel& model, int32_t kind, bool waits,
                      const std::vector<plan::Placement>& placements) {
  const LayerVariant variant = model.variantOf(kind, kNoKind, placements);
  const LayerTimeline timeline = model.bytesOf(variant, placements).steady;
  const auto forward = {Phase::kForward0, Phase::kForward1, Phase::kForward2};
  const int64_t kept = netOf(timeline, forward) - timeline.outputBytes;
  const int64_t early = netOf(timeline, {Phase::kFwdAttn, Phase::kFwdMlp, Phase::kPipe});
  int64_t peak =
      peakOf(timeline,
             {Phase::kBackwardMlp, Phase::kOwnBwdMlp, Phase::kBackwardAttn0, Phase::kBackwardAttn1},
             timeline.lastBackward, kept + early);
  if (!waits) peak = std::max(peak, peakOf(timeline, forward, Phase::kForward2, 0));
  return (model.inFlight() - 1) * kept + peak;
}

}  // namespace caracal::planner
