#include "core/analysis/stream_gaps.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>

#include "core/base/statistics.h"
#include "core/trace/polled_sort.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::kNoIndex;
using trace::Trace;

constexpr std::array<std::string_view, kGapCauseCount> kCauseNames{"host_wait", "kernel_wait",
                                                                   "other"};

template <class Visit>  // (EventIndex)
void forEachOperation(const Trace& trace, const trace::Track& track, const std::stop_token& stop,
                      Visit visit) {
  for (const EventIndex e : trace::eventsOf(track, stop)) {
    if (trace::isGpuWork(trace.kind(e))) visit(e);
  }
}

GapCause causeOf(const Trace& trace, EventIndex next, int64_t previousEndNs, int64_t gapNs,
                 int64_t kernelGapNs) {
  const EventIndex launch = trace.launch(next);
  if (launch != kNoIndex && trace.beginNs(launch) > previousEndNs) return GapCause::kHostWait;
  return gapNs < kernelGapNs ? GapCause::kKernelWait : GapCause::kOther;
}

struct Change {
  int64_t timeNs = 0;
  int64_t by = 0;
};

double quantile(const std::vector<int64_t>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double weight = place - static_cast<double>(below);
  return static_cast<double>(sorted[below]) * (1 - weight) +
         static_cast<double>(sorted[above]) * weight;
}

void describe(std::vector<int64_t> lengths, const std::stop_token& stop, QueueLength& row) {
  if (!trace::polledStableSort(lengths, std::less<>(), stop)) return;
  row.changes = static_cast<int64_t>(lengths.size());
  const auto count = static_cast<double>(lengths.size());
  double sum = 0;
  for (const int64_t length : lengths) sum += static_cast<double>(length);
  row.mean = sum / count;
  double squares = 0;
  for (const int64_t length : lengths) {
    squares += (static_cast<double>(length) - row.mean) * (static_cast<double>(length) - row.mean);
  }
  row.std = std::sqrt(squares / (count - 1));  // at least a launch and its operation
  row.least = lengths.front();
  row.most = lengths.back();
  row.quarter = quantile(lengths, 0.25);
  row.half = quantile(lengths, 0.5);
  row.threeQuarters = quantile(lengths, 0.75);
}

QueueLength lengthOf(std::vector<Change> changes, const std::stop_token& stop) {
  // A launch counts before an operation that begins in the same nanosecond.
  const auto inOrder = [](const Change& a, const Change& b) {
    return a.timeNs != b.timeNs ? a.timeNs < b.timeNs : a.by > b.by;
  };
  QueueLength row;
  if (!trace::polledStableSort(changes, inOrder, stop)) return row;
  std::vector<int64_t> lengths;
  int64_t length = 0;
  int64_t sinceNs = 0;
  for (const Change& change : changes) {
    if (length >= kFullQueue) row.fullNs += change.timeNs - sinceNs;
    length += change.by;
    sinceNs = change.timeNs;
    lengths.push_back(length);
  }
  describe(std::move(lengths), stop, row);
  return row;
}

struct LaunchTimes {
  std::vector<int64_t> callNs, operationNs, delayNs;
};

LaunchStatistics statisticsOf(const LaunchTimes& times) {
  LaunchStatistics row;
  row.launches = static_cast<int64_t>(times.callNs.size());
  for (size_t i = 0; i < times.callNs.size(); ++i) {
    const bool longCall = times.callNs[i] > kLongCallNs;
    if (!longCall && times.operationNs[i] < times.callNs[i]) ++row.shortKernels;
    if (longCall) ++row.longCalls;
    if (times.delayNs[i] > kLongDelayNs) ++row.longDelays;
  }
  row.medianCallNs = median(times.callNs);
  row.medianOperationNs = median(times.operationNs);
  row.medianDelayNs = median(times.delayNs);
  return row;
}

}  // namespace

std::string_view name(GapCause cause) {
  return kCauseNames[static_cast<size_t>(cause)];
}

std::vector<StreamGaps> streamGaps(const Trace& trace, int64_t kernelGapNs,
                                   const std::stop_token& stop) {
  std::vector<StreamGaps> rows;
  for (const trace::Track& track : trace.tracks()) {
    if (stop.stop_requested()) break;
    StreamGaps row{.rank = trace.ranks()[track.rank].rank, .stream = track.id};
    EventIndex previous = kNoIndex;
    forEachOperation(trace, track, stop, [&](EventIndex e) {
      if (previous != kNoIndex) {
        // Overlapping operations of one stream leave no gap.
        const int64_t gapNs = std::max<int64_t>(0, trace.beginNs(e) - trace.endNs(previous));
        const GapCause cause = causeOf(trace, e, trace.endNs(previous), gapNs, kernelGapNs);
        row.causeNs[static_cast<size_t>(cause)] += gapNs;
      }
      previous = e;
    });
    if (previous != kNoIndex) rows.push_back(row);
  }
  return rows;
}

std::vector<QueueLength> queueLengths(const Trace& trace, const std::stop_token& stop) {
  std::vector<QueueLength> rows;
  for (const trace::Track& track : trace.tracks()) {
    if (stop.stop_requested()) break;
    std::vector<Change> changes;
    forEachOperation(trace, track, stop, [&](EventIndex e) {
      if (trace.launch(e) == kNoIndex) return;
      changes.push_back({trace.beginNs(trace.launch(e)), 1});
      changes.push_back({trace.beginNs(e), -1});
    });
    if (changes.empty()) continue;
    rows.push_back(lengthOf(std::move(changes), stop));
    rows.back().rank = trace.ranks()[track.rank].rank;
    rows.back().stream = track.id;
  }
  return rows;
}

std::vector<LaunchStatistics> launchStatistics(const Trace& trace, const std::stop_token& stop) {
  std::map<uint32_t, LaunchTimes> ofRanks;
  for (const trace::Track& track : trace.tracks()) {
    if (stop.stop_requested()) break;
    forEachOperation(trace, track, stop, [&](EventIndex e) {
      const EventIndex launch = trace.launch(e);
      if (launch == kNoIndex) return;
      LaunchTimes& times = ofRanks[track.rank];
      times.callNs.push_back(trace.durationNs(launch));
      times.operationNs.push_back(trace.durationNs(e));
      times.delayNs.push_back(trace.beginNs(e) - trace.endNs(launch));
    });
  }
  std::vector<LaunchStatistics> rows;
  for (const auto& [rank, times] : ofRanks) {
    if (stop.stop_requested()) break;
    rows.push_back(statisticsOf(times));
    rows.back().rank = trace.ranks()[rank].rank;
  }
  return rows;
}

}  // namespace caracal::analysis
