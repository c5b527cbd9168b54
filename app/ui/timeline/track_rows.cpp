#include "app/ui/timeline/track_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "core/analysis/comm_names.h"

namespace caracal::ui {
namespace {

using trace::EventIndex;
using trace::EventKind;
using trace::Track;
using trace::TrackKind;

// Which row of its track an event belongs to.
enum class Part : uint8_t { kMain, kAnnotations, kSync, kPython, kInstants, kCount };
constexpr size_t kPartCount = static_cast<size_t>(Part::kCount);

Part partOf(const Track& track, EventKind kind) {
  switch (kind) {
    case EventKind::kPythonFunction:
      return Part::kPython;
    case EventKind::kInstant:
      return Part::kInstants;
    case EventKind::kGpuAnnotation:
      return Part::kAnnotations;
    case EventKind::kAnnotation:
      return track.kind == TrackKind::kGpuStream ? Part::kAnnotations : Part::kMain;
    case EventKind::kSync:
    case EventKind::kCudaEvent:
      return track.kind == TrackKind::kGpuStream ? Part::kSync : Part::kMain;
    default:
      return Part::kMain;
  }
}

std::string_view suffixOf(Part part) {
  static constexpr std::array<std::string_view, kPartCount> kSuffixes{"", " annotations", " waits",
                                                                      " python", " instants"};
  return kSuffixes[static_cast<size_t>(part)];
}

int orderOf(const Track& track) {
  switch (track.kind) {
    case TrackKind::kGpuStream:
      return 0;
    case TrackKind::kPassLane:
      return 1;
    case TrackKind::kComputeLane:
      return 2;
    case TrackKind::kCommLane:
      return 3;
    case TrackKind::kOther:
      return 4;
    case TrackKind::kCpuThread:
      return 5;
  }
  return 6;
}

std::vector<trace::TrackIndex> tracksOf(const trace::Trace& trace, uint32_t rankIndex) {
  std::vector<trace::TrackIndex> tracks;
  for (trace::TrackIndex t = 0; t < trace.tracks().size(); ++t) {
    const Track& track = trace.tracks()[t];
    if (track.rank == rankIndex && track.eventCount > 0) tracks.push_back(t);
  }
  const auto key = [&](trace::TrackIndex t) {
    const Track& track = trace.tracks()[t];
    // Streams keep their numeric order; of threads the busiest come first.
    const int64_t within =
        track.kind == TrackKind::kCpuThread ? -static_cast<int64_t>(track.eventCount) : track.id;
    return std::tuple(orderOf(track), track.device, within);
  };
  std::stable_sort(tracks.begin(), tracks.end(), [&](auto a, auto b) { return key(a) < key(b); });
  return tracks;
}

std::string labelOf(const Track& track) {
  if (!track.label.empty()) return track.label;
  return track.kind == TrackKind::kGpuStream ? fmt::format("stream {}", track.id)
                                             : fmt::format("thread {}", track.id);
}

uint8_t shadeOf(trace::NameId name) {
  return static_cast<uint8_t>((name * 2654435761U) >> 30);
}

// A communication kernel by the default table; decided once per name, names repeat a lot.
class CommKernels {
 public:
  explicit CommKernels(const trace::Trace& trace)
      : m_trace(trace), m_known(trace.names().size(), kUnasked) {}
  bool contains(EventIndex event) {
    uint8_t& known = m_known[m_trace.nameId(event)];
    if (known == kUnasked) known = m_names.matches(m_trace.name(event)) ? kYes : kNo;
    return known == kYes;
  }

 private:
  enum : uint8_t { kUnasked, kYes, kNo };
  const trace::Trace& m_trace;
  std::vector<uint8_t> m_known;
  analysis::CommNames m_names;
};

Paint paintOfPass(trace::Pass pass) {
  switch (pass) {
    case trace::Pass::kForward:
      return Paint::kForward;
    case trace::Pass::kBackward:
      return Paint::kBackward;
    case trace::Pass::kWeight:
      return Paint::kWeight;
    case trace::Pass::kRecompute:
      return Paint::kRecompute;
    case trace::Pass::kOptimizer:
      return Paint::kCompute;
    case trace::Pass::kNone:
      break;
  }
  return Paint::kOther;
}

Paint paintOfKind(EventKind kind) {
  switch (kind) {
    case EventKind::kKernel:
    case EventKind::kGraph:
    case EventKind::kCompute:
      return Paint::kCompute;
    case EventKind::kMemcpy:
    case EventKind::kMemset:
      return Paint::kCopy;
    case EventKind::kGpuAnnotation:
    case EventKind::kAnnotation:
      return Paint::kAnnotation;
    case EventKind::kCpuOp:
      return Paint::kHostOp;
    case EventKind::kRuntime:
      return Paint::kHostCall;
    case EventKind::kPythonFunction:
      return Paint::kPython;
    case EventKind::kOverhead:
      return Paint::kOverhead;
    case EventKind::kRecompute:
      return Paint::kRecompute;
    case EventKind::kComm:
      return Paint::kComm;
    default:
      return Paint::kOther;
  }
}

BlockStyle styleWith(const trace::Trace& trace, EventIndex event, CommKernels& comm) {
  const EventKind kind = trace.kind(event);
  const auto args = trace.args(event);
  if (args && (kind == EventKind::kPass || kind == EventKind::kCompute) &&
      args->pass != trace::Pass::kNone) {
    return passStyle(args->pass, args->microBatch);
  }
  if (kind == EventKind::kKernel && comm.contains(event))
    return {Paint::kComm, shadeOf(trace.nameId(event))};
  return {paintOfKind(kind), shadeOf(trace.nameId(event))};
}

using PartBlocks = std::array<std::vector<Block>, kPartCount>;

PartBlocks blocksOf(const SceneRun& run, const Track& track, CommKernels& comm) {
  const trace::Trace& trace = *run.trace;
  PartBlocks parts;
  for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
    const int64_t begin = trace.beginNs(e) + run.shiftNs;
    parts[static_cast<size_t>(partOf(track, trace.kind(e)))].push_back(
        {begin, begin + trace.durationNs(e), e, styleWith(trace, e, comm)});
  }
  return parts;
}

}  // namespace

BlockStyle passStyle(trace::Pass pass, int32_t microBatch) {
  return {paintOfPass(pass), static_cast<uint8_t>(microBatch >= 0 ? microBatch & 1 : 0)};
}

std::vector<Row> trackRows(const SceneRun& run, uint32_t rankIndex, const Row& prototype) {
  std::vector<Row> rows;
  CommKernels comm(*run.trace);
  for (const trace::TrackIndex t : tracksOf(*run.trace, rankIndex)) {
    const Track& track = run.trace->tracks()[t];
    PartBlocks parts = blocksOf(run, track, comm);
    for (size_t p = 0; p < kPartCount; ++p) {
      if (parts[p].empty()) continue;
      const auto part = static_cast<Part>(p);
      Row row = prototype;
      row.kind = RowKind::kTrack;
      row.rankIndex = rankIndex;
      row.label = labelOf(track) + std::string(suffixOf(part));
      row.lanes = spreadOverLanes(parts[p]);
      row.gpuWork = part == Part::kMain && track.kind != TrackKind::kCpuThread &&
                    track.kind != TrackKind::kOther;
      row.fold = part == Part::kPython || part == Part::kInstants || part == Part::kSync
                     ? InitialFold::kFolded
                     : InitialFold::kOpen;
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace caracal::ui
