// Activity: per track, how much of any span it worked, the longest event and the longest gap, in
// time that does not grow with the number of events: a summary for every 64 events and, above
// them, the longest of every 16 below. What a timeline draws when many events share a pixel, and
// what a selected range adds up to; all figures are exact.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <stop_token>
#include <vector>

#include "core/base/intervals.h"
#include "core/trace/event_store.h"
#include "core/trace/shared_array.h"

namespace caracal::trace {

// Whether an event of this kind keeps its track busy. Annotations, Python frames, waits and
// instants lie around or beside the work and do not.
bool occupies(EventKind kind);

struct SpanSummary {
  int64_t events = 0;          // of any kind, that begin in the span
  int64_t busyNs = 0;          // part of the span in which an occupying event runs
  int64_t longestEventNs = 0;  // longest occupying event that begins in the span, whole
  int64_t longestGapNs = 0;    // longest part of the span in which none runs
  bool operator==(const SpanSummary&) const = default;
};

// Of events [64 k, 64 k + 64) of a track.
struct ActivityLeaf {
  int64_t busyBeforeNs = 0;    // busy time of the track's events before these
  int64_t endBeforeNs = 0;     // last end of those that occupy; kNothingBefore: none does
  int64_t longestEventNs = 0;  // of these events
  int64_t longestGapNs = 0;    // between one of these events and the last end before it
};
// Of 16 leaves, or of 16 nodes of the level below.
struct ActivityNode {
  int64_t longestEventNs = 0;
  int64_t longestGapNs = 0;
};

// A track's slice of the event columns.
struct TrackEvents {
  EventIndex first = 0;
  EventIndex count = 0;
};

class Activity {
 public:
  static constexpr size_t kLeafSize = 64;
  static constexpr size_t kFanOut = 16;
  static constexpr int64_t kNothingBefore = std::numeric_limits<int64_t>::min();

  Activity() = default;
  // `leaves` and `nodes` of all tracks, track after track; the nodes of a track level after level.
  // REQUIRES leavesFor() and nodesFor() of them, in sum over the tracks.
  Activity(const std::vector<TrackEvents>& tracks, SharedArray<ActivityLeaf> leaves,
           SharedArray<ActivityNode> nodes);
  static size_t leavesFor(size_t events);
  static size_t nodesFor(size_t events);

  // REQUIRES span.beginNs < span.endNs.
  SpanSummary over(const EventStore& events, TrackIndex track, Span span) const;
  // One summary for each of `count` parts of the span, as equal as whole ns allow, in one walk.
  std::vector<SpanSummary> bins(const EventStore& events, TrackIndex track, Span span,
                                size_t count) const;

  const SharedArray<ActivityLeaf>& leaves() const { return m_leaves; }
  const SharedArray<ActivityNode>& nodes() const { return m_nodes; }
  size_t memoryBytes() const;

 private:
  struct Place {
    TrackEvents events;
    size_t firstLeaf = 0;
    size_t firstNode = 0;
  };
  struct Edge;
  Edge edgeAt(const EventStore& events, const Place& place, int64_t timeNs,
              EventIndex notBefore) const;
  SpanSummary between(const EventStore& events, const Place& place, const Edge& from,
                      const Edge& to) const;
  ActivityNode longestBetween(const EventStore& events, const Place& place, const Edge& from,
                              const Edge& to) const;
  ActivityNode longestOfLeaves(const Place& place, size_t first, size_t last) const;

  std::vector<Place> m_places;
  SharedArray<ActivityLeaf> m_leaves;
  SharedArray<ActivityNode> m_nodes;
};

// Of events that are sorted by begin inside each track. Nothing: stopped.
std::optional<Activity> activityOf(const EventStore& events, const std::vector<TrackEvents>& tracks,
                                   const std::stop_token& stop);

}  // namespace caracal::trace
