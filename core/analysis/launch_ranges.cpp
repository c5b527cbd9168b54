#include "core/analysis/launch_ranges.h"

#include <algorithm>

#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::Pass;
using trace::Track;

// The last range that began by then, if it is still open; ranges of one list do not nest.
const PassRange* openAt(const std::vector<const PassRange*>& ranges, int64_t timeNs) {
  const auto after =
      std::partition_point(ranges.begin(), ranges.end(),
                           [&](const PassRange* range) { return range->span.beginNs <= timeNs; });
  if (after == ranges.begin()) return nullptr;
  const PassRange* range = *std::prev(after);
  return timeNs < range->span.endNs ? range : nullptr;
}

}  // namespace

LaunchRanges::LaunchRanges(const trace::Trace& trace, const std::vector<RankPassRanges>& ranges,
                           const std::stop_token& stop)
    : m_trace(trace), m_hosts(ranges.size()) {
  for (size_t rank = 0; rank < ranges.size(); ++rank) {
    Host& host = m_hosts[rank];
    for (const PassRange& range : ranges[rank].ranges) {
      host.ofThread[range.thread].push_back(&range);
      if (range.pass != Pass::kForward && range.pass != Pass::kOptimizer)
        host.backward.push_back(&range);
    }
    host.helpers.insert(ranges[rank].backwardThreads.begin(), ranges[rank].backwardThreads.end());
  }
  findHelpers(stop);
}

void LaunchRanges::findHelpers(const std::stop_token& stop) {
  struct Launches {
    int64_t inside = 0, outside = 0;
  };
  std::map<std::pair<uint32_t, int64_t>, Launches> launches;  // by host and thread
  for (const Track& track : m_trace.tracks()) {
    if (track.kind == trace::TrackKind::kCpuThread &&
        track.label.find("autograd") != std::string::npos)
      m_hosts[track.rank].helpers.insert(track.id);
    if (track.kind != trace::TrackKind::kGpuStream) continue;
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      const EventIndex launch = m_trace.launch(e);
      if (launch == trace::kNoIndex) continue;
      const Track& from = m_trace.tracks()[m_trace.trackOf(launch)];
      const Host& host = m_hosts[from.rank];
      if (host.ofThread.empty() || host.ofThread.count(from.id) > 0) continue;
      Launches& counted = launches[{from.rank, from.id}];
      ++(openAt(host.backward, m_trace.beginNs(launch)) != nullptr ? counted.inside
                                                                   : counted.outside);
    }
  }
  for (const auto& [thread, counted] : launches) {
    if (counted.inside > 0 && counted.outside == 0)
      m_hosts[thread.first].helpers.insert(thread.second);
  }
}

const PassRange* LaunchRanges::rangeOf(uint32_t hostRank, EventIndex launch) const {
  const Host& host = m_hosts[hostRank];
  const int64_t thread = m_trace.tracks()[m_trace.trackOf(launch)].id;
  const auto own = host.ofThread.find(thread);
  if (own != host.ofThread.end()) {
    if (const PassRange* range = openAt(own->second, m_trace.beginNs(launch))) return range;
  }
  return host.helpers.count(thread) > 0 ? openAt(host.backward, m_trace.beginNs(launch)) : nullptr;
}

}  // namespace caracal::analysis
