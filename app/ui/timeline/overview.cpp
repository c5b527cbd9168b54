#include "app/ui/timeline/overview.h"

#include <algorithm>
#include <map>

namespace caracal::ui {
namespace {

using trace::TrackKind;

// What a rank's work is read from, best first; kOther: nothing.
TrackKind workOf(const trace::Trace& trace, uint32_t rank) {
  for (const TrackKind kind :
       {TrackKind::kGpuStream, TrackKind::kPassLane, TrackKind::kComputeLane}) {
    const bool has =
        std::any_of(trace.tracks().begin(), trace.tracks().end(), [&](const trace::Track& track) {
          return track.rank == rank && track.kind == kind && track.eventCount > 0;
        });
    if (has) return kind;
  }
  return TrackKind::kOther;
}

}  // namespace

std::vector<float> overviewOf(const trace::Trace& trace, int64_t shiftNs, Span range) {
  if (range.lengthNs() == 0) return {};
  const Span span{range.beginNs - shiftNs, range.endNs - shiftNs};
  const auto binNs = static_cast<float>(range.lengthNs()) / static_cast<float>(kOverviewBins);
  std::map<uint32_t, std::vector<float>> byRank;
  std::vector<TrackKind> kinds;
  for (uint32_t r = 0; r < trace.ranks().size(); ++r) kinds.push_back(workOf(trace, r));
  for (trace::TrackIndex t = 0; t < trace.tracks().size(); ++t) {
    const trace::Track& track = trace.tracks()[t];
    if (track.eventCount == 0 || kinds[track.rank] == TrackKind::kOther ||
        track.kind != kinds[track.rank]) {
      continue;
    }
    std::vector<float>& busy = byRank[track.rank];
    busy.resize(kOverviewBins);
    const auto bins = trace.activityBins(t, span, kOverviewBins);
    for (size_t b = 0; b < kOverviewBins; ++b)
      busy[b] = std::min(1.0F, busy[b] + static_cast<float>(bins[b].busyNs) / binNs);
  }
  if (byRank.empty()) return {};
  std::vector<float> mean(kOverviewBins);
  for (const auto& [rank, busy] : byRank) {
    for (size_t b = 0; b < kOverviewBins; ++b)
      mean[b] += busy[b] / static_cast<float>(byRank.size());
  }
  return mean;
}

}  // namespace caracal::ui
