#include "app/ui/timeline/track_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <tuple>

#include "core/trace/polled_sort.h"

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

bool isWorkTrack(const Track& track) {
  return track.kind != TrackKind::kCpuThread && track.kind != TrackKind::kOther;
}

// The events [first, last) of a track.
struct TrackPart {
  const Track& track;
  EventIndex first = 0;
  EventIndex last = 0;
};

// Spreads events of one track over the lanes of its parts. As long as all of them fit on one
// lane, as those of a GPU stream do, nothing is noted down.
class TrackLanes {
 public:
  explicit TrackLanes(const TrackPart& events) : m_events(events) {}

  void add(EventIndex event, EventKind kind, Span span) {
    const Part part = partOf(m_events.track, kind);
    const size_t lane = m_ends[static_cast<size_t>(part)].place(span);
    if (event == m_events.first) m_only = part;
    if (!m_isSpread && part == m_only && lane == 0) return;
    if (!m_isSpread) spreadBefore(event);
    push(part, lane, event);
  }

  // The lanes of a part; the events are then spent.
  std::vector<Lane> take(Part part, const std::shared_ptr<const EventBlocks>& events) {
    std::vector<Lane> lanes;
    if (!m_isSpread) {
      if (part == m_only && m_events.first < m_events.last)
        lanes.emplace_back(events, m_events.first, m_events.last - m_events.first);
      return lanes;
    }
    for (trace::ColumnPacker& picked : m_picked[static_cast<size_t>(part)])
      lanes.emplace_back(events, std::move(picked).finish());
    return lanes;
  }

 private:
  void spreadBefore(EventIndex event) {
    m_isSpread = true;
    for (EventIndex e = m_events.first; e < event; ++e) push(m_only, 0, e);
  }
  void push(Part part, size_t lane, EventIndex event) {
    auto& picked = m_picked[static_cast<size_t>(part)];
    if (lane == picked.size()) picked.emplace_back();
    picked[lane].push(event);
  }

  TrackPart m_events;
  Part m_only = Part::kMain;
  bool m_isSpread = false;
  std::array<LaneEnds, kPartCount> m_ends;
  std::array<std::vector<trace::ColumnPacker>, kPartCount> m_picked;
};

std::optional<std::vector<Row>> trackRows(const SceneRun& run, uint32_t rankIndex,
                                          const std::stop_token& stop) {
  std::vector<Row> rows;
  const trace::Trace& trace = *run.trace;
  for (const trace::TrackIndex t : tracksOf(trace, rankIndex)) {
    const Track& track = trace.tracks()[t];
    const EventIndex end = track.firstEvent + track.eventCount;
    TrackLanes lanes({track, track.firstEvent, end});
    for (EventIndex e = track.firstEvent; e < end; ++e) {
      if (e % trace::kBetweenPolls == 0 && stop.stop_requested()) return std::nullopt;
      lanes.add(e, trace.kind(e), trace.span(e));
    }
    for (size_t p = 0; p < kPartCount; ++p) {
      if (stop.stop_requested()) return std::nullopt;
      const auto part = static_cast<Part>(p);
      Row row;
      row.lanes = lanes.take(part, run.events);
      if (row.lanes.empty()) continue;
      row.rankIndex = rankIndex;
      row.label = labelOf(track) + std::string(suffixOf(part));
      row.gpuWork = part == Part::kMain && isWorkTrack(track);
      row.fold = part == Part::kPython || part == Part::kInstants || part == Part::kSync
                     ? InitialFold::kFolded
                     : InitialFold::kOpen;
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

// Streams run in the order of launches: the events of a step lie side by side, together with what
// no step launched among them, and none of it begins before the step does.
TrackPart partOfStep(const trace::Trace& trace, const Track& track, const WorkOfStep& step) {
  const EventIndex begin = firstFrom(trace, track, step.span.beginNs);
  const EventIndex end = track.firstEvent + track.eventCount;
  EventIndex first = end, last = end;
  bool launchesAreKnown = false;
  for (EventIndex e = begin; e < end; ++e) {
    const int32_t number = step.steps.stepOf(track.rank, e);
    if (number > step.number || (!launchesAreKnown && trace.beginNs(e) >= step.span.endNs)) break;
    launchesAreKnown = launchesAreKnown || number >= 0;
    if (number != step.number) continue;
    first = std::min(first, e);
    last = e + 1;
  }
  if (!launchesAreKnown) return {track, begin, firstFrom(trace, track, step.span.endNs)};
  return {track, first, last};
}

}  // namespace

std::optional<RankRows> rowsOfRanks(const SceneRun& run, const std::stop_token& stop,
                                    const Progress& progress) {
  RankRows rows(run.trace->ranks().size());
  std::atomic<uint32_t> next = 0;
  const auto work = [&] {
    for (uint32_t rank = next++; rank < rows.size(); rank = next++) {
      auto made = trackRows(run, rank, stop);
      if (!made) return;
      rows[rank] = std::move(*made);
      report(progress, static_cast<double>(rank + 1) / static_cast<double>(rows.size()),
             "arranging ranks");
    }
  };
  {
    const size_t threads =
        std::min<size_t>(rows.size(), std::max(1U, std::thread::hardware_concurrency()));
    std::vector<std::jthread> helpers;
    for (size_t t = 1; t < threads; ++t) helpers.emplace_back(work);
    work();
  }
  if (stop.stop_requested()) return std::nullopt;
  return rows;
}

std::vector<Lane> workLanes(const SceneRun& run, uint32_t rankIndex, const WorkOfStep& step) {
  std::vector<Lane> all;
  const trace::Trace& trace = *run.trace;
  for (const trace::TrackIndex t : tracksOf(trace, rankIndex)) {
    const Track& track = trace.tracks()[t];
    if (!isWorkTrack(track)) continue;
    const TrackPart part = partOfStep(trace, track, step);
    TrackLanes lanes(part);
    for (EventIndex e = part.first; e < part.last; ++e) lanes.add(e, trace.kind(e), trace.span(e));
    for (Lane& lane : lanes.take(Part::kMain, run.events)) all.push_back(std::move(lane));
  }
  return all;
}

}  // namespace caracal::ui
