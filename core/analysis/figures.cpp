#include "core/analysis/figures.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::EventKind;
using trace::Trace;
using trace::Track;

using DeviceId = std::pair<uint32_t, int32_t>;  // rank index, CUDA ordinal
constexpr int32_t kNoDevice = -1;

enum class WorkKind : uint8_t { kNone, kCompute, kComm, kOther };

// The spans of one device, united track by track: events of a track come sorted, so nothing is
// sorted again and many streams stay cheap.
class Work {
 public:
  void add(WorkKind kind, Span span, const std::optional<Span>& range) {
    if (range) {
      const bool instant = span.lengthNs() == 0;
      span = {std::max(span.beginNs, range->beginNs), std::min(span.endNs, range->endNs)};
      if (span.endNs < span.beginNs || (span.lengthNs() == 0 && !instant)) return;
    }
    m_extent = {std::min(m_extent.beginNs, span.beginNs), std::max(m_extent.endNs, span.endNs)};
    if (kind == WorkKind::kCompute)
      m_computeOfTrack.push_back(span);
    else if (kind == WorkKind::kComm)
      m_commOfTrack.push_back(span);
    else
      m_otherOfTrack.push_back(span);
  }

  void endTrack() {
    const auto fold = [](SpanSet& whole, std::vector<Span>& part) {
      if (!part.empty()) whole = unite(whole, SpanSet(std::exchange(part, {})));
    };
    fold(m_compute, m_computeOfTrack);
    fold(m_comm, m_commOfTrack);
    fold(m_other, m_otherOfTrack);
  }

  void fill(DeviceFigures& row) const {
    if (m_extent.endNs < m_extent.beginNs) return;  // nothing was added
    const SpanSet kernels = unite(m_compute, m_comm);
    row.spanNs = m_extent.lengthNs();
    row.busyNs = unite(kernels, m_other).lengthNs();
    row.computeNs = m_compute.lengthNs();
    row.commNs = m_comm.lengthNs();
    row.exposedCommNs = kernels.lengthNs() - row.computeNs;
    row.idleNs = row.spanNs - row.busyNs;
    if (row.commNs > 0) {
      row.overlapPct = 100.0 * static_cast<double>(row.commNs - row.exposedCommNs) /
                       static_cast<double>(row.commNs);
    }
  }

 private:
  SpanSet m_compute, m_comm, m_other;
  std::vector<Span> m_computeOfTrack, m_commOfTrack, m_otherOfTrack;
  Span m_extent{std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()};
};

// What each rank shows: GPU rows, operators inside passes.
struct RankContent {
  bool gpuWork = false;
  bool operators = false;
};

std::vector<RankContent> contentOfRanks(const Trace& trace, const std::stop_token& stop) {
  std::vector<RankContent> content(trace.ranks().size());
  for (const Track& track : trace.tracks()) {
    RankContent& rank = content[track.rank];
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      const EventKind kind = trace.kind(e);
      if (trace::isGpuWork(kind)) rank.gpuWork = true;
      if (kind == EventKind::kRecompute) rank.operators = true;
      // An optimizer alone is no operator of a pass: op-level tracers have one beside their passes.
      if (kind == EventKind::kCompute) {
        const auto args = trace.args(e);
        rank.operators = rank.operators || !args || args->pass != trace::Pass::kOptimizer;
      }
    }
  }
  return content;
}

WorkKind scheduleWorkKind(EventKind kind, const RankContent& rank) {
  switch (kind) {
    case EventKind::kCompute:
    case EventKind::kRecompute:
      return WorkKind::kCompute;
    case EventKind::kPass:
      return rank.operators ? WorkKind::kNone : WorkKind::kCompute;
    case EventKind::kComm:
      return WorkKind::kComm;
    default:
      return WorkKind::kNone;
  }
}

// The device a track's GPU rows belong to; copies between devices may sit on tracks without an
// ordinal.
DeviceId deviceOf(const Trace& trace, const Track& track, const RankContent& rank) {
  if (!rank.gpuWork) return {track.rank, kNoDevice};
  return {track.rank, track.device >= 0 ? track.device : trace.ranks()[track.rank].device};
}

std::string deviceKey(const trace::Rank& rank, const RankContent& content, int32_t device) {
  if (!content.gpuWork) return "";
  if (device == rank.device && !rank.deviceKey.empty()) return rank.deviceKey;
  return std::to_string(device);
}

template <class Row>
void identify(Row& row, const Trace& trace, const std::vector<RankContent>& content,
              const DeviceId& id) {
  row.rankIndex = id.first;
  row.rank = trace.ranks()[id.first].rank;
  row.device = deviceKey(trace.ranks()[id.first], content[id.first], id.second);
}

bool isHostEvent(EventKind kind) {
  return kind >= EventKind::kCpuOp && kind <= EventKind::kInstant;
}

void countGpuEvent(const Trace& trace, EventIndex e, CommKernelFilter& filter, DeviceCounts& row) {
  switch (trace.kind(e)) {
    case EventKind::kKernel:
      ++row.gpuKernels;
      break;
    case EventKind::kMemcpy:
      ++row.gpuMemcpy;
      break;
    case EventKind::kMemset:
      ++row.gpuMemset;
      break;
    case EventKind::kGraph:
      ++row.gpuGraphs;
      break;
    default:
      break;
  }
  if (!filter.isCommKernel(e)) return;
  ++row.ncclKernels;
  ++row.ncclByKind[std::string(trace::name(collectiveOfKernel(trace.name(e))))];
}

// Events of each rank as its input counted them, or as the trace holds them where no input did.
std::vector<int64_t> recordsOfRanks(const Trace& trace) {
  std::vector<int64_t> records(trace.ranks().size());
  for (const Track& track : trace.tracks()) records[track.rank] += track.eventCount;
  for (size_t i = 0; i < records.size(); ++i) {
    if (trace.ranks()[i].sourceRecords > 0) records[i] = trace.ranks()[i].sourceRecords;
  }
  return records;
}

}  // namespace

std::vector<DeviceFigures> deviceFigures(const Trace& trace, const CommNames& comm,
                                         std::optional<Span> range, const std::stop_token& stop) {
  const std::vector<RankContent> content = contentOfRanks(trace, stop);
  CommKernelFilter filter(trace, comm);
  std::map<DeviceId, Work> devices;
  std::vector<bool> seen(trace.ranks().size(), false);
  for (const Track& track : trace.tracks()) {
    if (stop.stop_requested()) break;
    const RankContent& rank = content[track.rank];
    Work* work = nullptr;
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      WorkKind kind = WorkKind::kNone;
      if (!rank.gpuWork) {
        kind = scheduleWorkKind(trace.kind(e), rank);
      } else if (trace::isGpuWork(trace.kind(e))) {
        kind = trace.kind(e) != EventKind::kKernel ? WorkKind::kOther
               : filter.isCommKernel(e)            ? WorkKind::kComm
                                                   : WorkKind::kCompute;
      }
      if (kind == WorkKind::kNone) continue;
      if (work == nullptr) work = &devices[deviceOf(trace, track, rank)];
      work->add(kind, trace.span(e), range);
    }
    if (work != nullptr) work->endTrack();
    if (work != nullptr) seen[track.rank] = true;
  }
  for (uint32_t rank = 0; rank < seen.size(); ++rank) {
    if (!seen[rank]) devices[{rank, kNoDevice}];
  }
  std::vector<DeviceFigures> rows;
  for (const auto& [id, work] : devices) {
    identify(rows.emplace_back(), trace, content, id);
    work.fill(rows.back());
  }
  return rows;
}

std::vector<DeviceCounts> deviceCounts(const Trace& trace, const CommNames& comm,
                                       const std::stop_token& stop) {
  const std::vector<RankContent> content = contentOfRanks(trace, stop);
  CommKernelFilter filter(trace, comm);
  std::map<DeviceId, DeviceCounts> devices;
  std::vector<int64_t> hostEvents(trace.ranks().size());
  for (const Track& track : trace.tracks()) {
    DeviceCounts* row = nullptr;
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      if (isHostEvent(trace.kind(e))) ++hostEvents[track.rank];
      if (!trace::isGpuWork(trace.kind(e))) continue;
      if (row == nullptr) row = &devices[deviceOf(trace, track, content[track.rank])];
      countGpuEvent(trace, e, filter, *row);
    }
  }
  for (uint32_t rank = 0; rank < content.size(); ++rank) {
    if (!content[rank].gpuWork) devices[{rank, kNoDevice}];
  }
  const std::vector<int64_t> records = recordsOfRanks(trace);
  std::vector<DeviceCounts> rows;
  for (auto& [id, row] : devices) {
    identify(row, trace, content, id);
    const bool firstOfRank = rows.empty() || rows.back().rankIndex != id.first;
    row.events = firstOfRank ? records[id.first] : 0;
    row.cpuEvents = firstOfRank ? hostEvents[id.first] : 0;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace caracal::analysis
