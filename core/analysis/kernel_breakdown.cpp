#include "core/analysis/kernel_breakdown.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <tuple>
#include <utility>

#include "core/base/intervals.h"
#include "core/trace/polled_sort.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::EventKind;
using trace::Trace;

constexpr std::array<std::string_view, 4> kTypeNames{"COMPUTATION", "COMMUNICATION", "MEMORY",
                                                     "GRAPH"};
constexpr size_t kTypes = kTypeNames.size();
using SpansOfTypes = std::array<std::vector<Span>, kTypes>;

std::vector<SpansOfTypes> collectSpans(const Trace& trace, const CommNames& comm,
                                       const std::stop_token& stop) {
  CommKernelFilter filter(trace, comm);
  std::vector<SpansOfTypes> ofRanks(trace.ranks().size());
  for (const trace::Track& track : trace.tracks()) {
    if (stop.stop_requested()) break;
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      if (!trace::isGpuWork(trace.kind(e))) continue;
      const auto type = static_cast<size_t>(kernelTypeOf(trace, e, filter));
      ofRanks[track.rank][type].push_back(trace.span(e));
    }
  }
  return ofRanks;
}

// Length of time per set of types that run together; bit i is type i.
using TimesOfSets = std::array<int64_t, size_t{1} << kTypes>;

void addTimes(SpansOfTypes& spans, size_t types, const std::stop_token& stop, TimesOfSets& times) {
  std::vector<std::pair<int64_t, size_t>> toggles;  // (time, type)
  for (size_t type = 0; type < types; ++type) {
    const SpanSet united(std::move(spans[type]));
    for (const Span& span : united.spans()) {
      toggles.emplace_back(span.beginNs, type);
      toggles.emplace_back(span.endNs, type);
    }
  }
  if (!trace::polledStableSort(toggles, std::less<>(), stop)) return;
  size_t running = 0;
  int64_t sinceNs = toggles.empty() ? 0 : toggles.front().first;
  for (const auto& [timeNs, type] : toggles) {
    times[running] += timeNs - sinceNs;
    running ^= size_t{1} << type;
    sinceNs = timeNs;
  }
}

std::string nameOfSet(size_t set) {
  std::string text;
  for (size_t type = 0; type < kTypes; ++type) {
    if ((set >> type & 1) == 0) continue;
    text += (text.empty() ? "" : " overlapping ") + std::string(kTypeNames[type]);
  }
  return text;
}

double sampleDeviation(const std::vector<int64_t>& values, double mean) {
  if (values.size() < 2) return 0;
  double squares = 0;
  for (const int64_t value : values) {
    const double distance = static_cast<double>(value) - mean;
    squares += distance * distance;
  }
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

KernelStatistics statisticsOf(const std::vector<int64_t>& durations) {
  KernelStatistics row;
  row.calls = static_cast<int64_t>(durations.size());
  for (const int64_t duration : durations) row.sumNs += duration;
  row.minNs = *std::min_element(durations.begin(), durations.end());
  row.maxNs = *std::max_element(durations.begin(), durations.end());
  row.meanNs = static_cast<double>(row.sumNs) / static_cast<double>(row.calls);
  row.stdNs = sampleDeviation(durations, row.meanNs);
  return row;
}

}  // namespace

std::string_view name(KernelType type) {
  return kTypeNames[static_cast<size_t>(type)];
}

KernelType kernelTypeOf(const Trace& trace, EventIndex event, CommKernelFilter& filter) {
  switch (trace.kind(event)) {
    case EventKind::kMemcpy:
    case EventKind::kMemset:
      return KernelType::kMemory;
    case EventKind::kGraph:
      return KernelType::kGraph;
    default:
      return filter.isCommKernel(event) ? KernelType::kCommunication : KernelType::kComputation;
  }
}

std::vector<KernelTypeTime> kernelTypeTimes(const Trace& trace, const CommNames& comm,
                                            MemoryOperations memory, const std::stop_token& stop) {
  TimesOfSets times{};
  for (SpansOfTypes& spans : collectSpans(trace, comm, stop)) {
    if (stop.stop_requested()) break;
    addTimes(spans, memory == MemoryOperations::kCounted ? kTypes : 2, stop, times);
  }
  times[0] = 0;  // nothing ran
  int64_t total = 0;
  for (const int64_t ns : times) total += ns;
  std::vector<KernelTypeTime> rows;
  for (size_t set = 1; set < times.size(); ++set) {
    if (times[set] == 0) continue;
    rows.push_back({nameOfSet(set), times[set],
                    100.0 * static_cast<double>(times[set]) / static_cast<double>(total)});
  }
  std::stable_sort(rows.begin(), rows.end(), [](const KernelTypeTime& a, const KernelTypeTime& b) {
    return a.sumNs > b.sumNs;
  });
  return rows;
}

std::vector<KernelStatistics> kernelStatistics(const Trace& trace, const CommNames& comm,
                                               const std::stop_token& stop) {
  CommKernelFilter filter(trace, comm);
  using Key = std::tuple<int32_t, KernelType, trace::NameId>;
  std::map<Key, std::vector<int64_t>> durations;
  for (const trace::Track& track : trace.tracks()) {
    if (stop.stop_requested()) break;
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      if (!trace::isGpuWork(trace.kind(e))) continue;
      const Key key{trace.ranks()[track.rank].rank, kernelTypeOf(trace, e, filter),
                    trace.nameId(e)};
      durations[key].push_back(trace.durationNs(e));
    }
  }
  std::vector<KernelStatistics> rows;
  for (const auto& [key, values] : durations) {
    if (stop.stop_requested()) break;
    rows.push_back(statisticsOf(values));
    rows.back().rank = std::get<0>(key);
    rows.back().type = std::get<1>(key);
    rows.back().name = trace.names()[std::get<2>(key)];
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const KernelStatistics& a, const KernelStatistics& b) {
                     return std::tie(a.rank, a.type, b.sumNs) < std::tie(b.rank, b.type, a.sumNs);
                   });
  return rows;
}

}  // namespace caracal::analysis
