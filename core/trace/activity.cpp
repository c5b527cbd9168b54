#include "core/trace/activity.h"

#include <algorithm>

#include "core/trace/polled_sort.h"

namespace caracal::trace {
namespace {

size_t dividedUp(size_t count, size_t by) {
  return (count + by - 1) / by;
}

void widen(ActivityNode& longest, int64_t eventNs, int64_t gapNs) {
  longest.longestEventNs = std::max(longest.longestEventNs, eventNs);
  longest.longestGapNs = std::max(longest.longestGapNs, gapNs);
}

// Busy time and last end of a track's occupying events, one event after the other.
struct Coverage {
  int64_t busyNs = 0;
  int64_t endNs = Activity::kNothingBefore;

  // The gap that the event ends, 0 when there is none.
  int64_t add(Span span) {
    const bool first = endNs == Activity::kNothingBefore;
    const int64_t gap = first ? 0 : std::max<int64_t>(span.beginNs - endNs, 0);
    const int64_t newFrom = first ? span.beginNs : std::max(span.beginNs, endNs);
    busyNs += std::max<int64_t>(span.endNs - newFrom, 0);
    endNs = std::max(endNs, span.endNs);
    return gap;
  }
};

bool occupiesAt(const EventStore& events, EventIndex e) {
  return occupies(static_cast<EventKind>(events.kind[e]));
}

Span spanAt(const EventStore& events, EventIndex e) {
  const int64_t begin = events.begin[e];
  return {begin, begin + events.duration[e]};
}

void appendNodes(std::vector<ActivityNode>& nodes, size_t firstBelow, size_t below) {
  while (below > 1) {
    const size_t first = nodes.size();
    for (size_t i = 0; i < below; i += Activity::kFanOut) {
      ActivityNode node;
      for (size_t k = i; k < std::min(i + Activity::kFanOut, below); ++k) {
        const ActivityNode part = nodes[firstBelow + k];
        widen(node, part.longestEventNs, part.longestGapNs);
      }
      nodes.push_back(node);
    }
    firstBelow = first;
    below = nodes.size() - first;
  }
}

}  // namespace

bool occupies(EventKind kind) {
  switch (kind) {
    case EventKind::kSync:
    case EventKind::kGpuAnnotation:
    case EventKind::kCudaEvent:
    case EventKind::kAnnotation:
    case EventKind::kPythonFunction:
    case EventKind::kOverhead:
    case EventKind::kInstant:
      return false;
    default:
      return true;
  }
}

namespace {

struct Parts {
  std::vector<ActivityLeaf> leaves;
  std::vector<ActivityNode> nodes;
};

// The leaves and nodes of one track's events, behind those of the tracks before. False: stopped.
bool append(const EventStore& events, TrackEvents track, Parts& parts,
            const std::stop_token& stop) {
  const size_t firstLeaf = parts.leaves.size();
  Coverage coverage;
  for (EventIndex i = 0; i < track.count; ++i) {
    if (i % kBetweenPolls == 0 && stop.stop_requested()) return false;
    if (i % Activity::kLeafSize == 0) parts.leaves.push_back({coverage.busyNs, coverage.endNs});
    if (!occupiesAt(events, track.first + i)) continue;
    const Span span = spanAt(events, track.first + i);
    ActivityLeaf& leaf = parts.leaves.back();
    leaf.longestEventNs = std::max(leaf.longestEventNs, span.endNs - span.beginNs);
    leaf.longestGapNs = std::max(leaf.longestGapNs, coverage.add(span));
  }
  // The first level above the leaves, then the ones above it.
  const size_t leaves = parts.leaves.size() - firstLeaf;
  if (leaves <= 1) return true;
  const size_t firstNode = parts.nodes.size();
  for (size_t i = 0; i < leaves; ++i) {
    if (i % Activity::kFanOut == 0) parts.nodes.emplace_back();
    const ActivityLeaf& leaf = parts.leaves[firstLeaf + i];
    widen(parts.nodes.back(), leaf.longestEventNs, leaf.longestGapNs);
  }
  appendNodes(parts.nodes, firstNode, parts.nodes.size() - firstNode);
  return true;
}

}  // namespace

std::optional<Activity> activityOf(const EventStore& events, const std::vector<TrackEvents>& tracks,
                                   const std::stop_token& stop) {
  Parts parts;
  for (const TrackEvents& track : tracks) {
    if (!append(events, track, parts, stop)) return std::nullopt;
  }
  return Activity(tracks, SharedArray(std::move(parts.leaves)),
                  SharedArray(std::move(parts.nodes)));
}

size_t Activity::leavesFor(size_t events) {
  return dividedUp(events, kLeafSize);
}

size_t Activity::nodesFor(size_t events) {
  size_t nodes = 0;
  for (size_t level = leavesFor(events); level > 1;) {
    level = dividedUp(level, kFanOut);
    nodes += level;
  }
  return nodes;
}

Activity::Activity(const std::vector<TrackEvents>& tracks, SharedArray<ActivityLeaf> leaves,
                   SharedArray<ActivityNode> nodes)
    : m_leaves(std::move(leaves)), m_nodes(std::move(nodes)) {
  m_places.reserve(tracks.size());
  size_t leaf = 0, node = 0;
  for (const TrackEvents& track : tracks) {
    m_places.push_back({track, leaf, node});
    leaf += leavesFor(track.count);
    node += nodesFor(track.count);
  }
}

size_t Activity::memoryBytes() const {
  return m_leaves.memoryBytes() + m_nodes.memoryBytes() + m_places.capacity() * sizeof(Place);
}

// A time on a track: its first event at or behind that time, and what all events before it cover.
struct Activity::Edge {
  int64_t timeNs = 0;
  EventIndex event = 0;  // counted from the track's first
  Coverage coverage;
  // Busy time of the track before the edge's time: events that run on are cut there.
  int64_t busyBeforeNs() const {
    const bool runsOn = coverage.endNs != kNothingBefore && coverage.endNs > timeNs;
    return coverage.busyNs - (runsOn ? coverage.endNs - timeNs : 0);
  }
};

Activity::Edge Activity::edgeAt(const EventStore& events, const Place& place, int64_t timeNs,
                                EventIndex notBefore) const {
  // Doubling steps first: the next edge of a row of pixels is near the last one.
  EventIndex low = notBefore, high = notBefore, step = 1;
  while (high < place.events.count && events.begin[place.events.first + high] < timeNs) {
    low = high + 1;
    high = place.events.count - high > step ? high + step : place.events.count;
    step *= 2;
  }
  while (low < high) {
    const EventIndex middle = low + (high - low) / 2;
    events.begin[place.events.first + middle] < timeNs ? low = middle + 1 : high = middle;
  }
  Edge edge{timeNs, low, {}};
  if (low == 0) return edge;
  const size_t leaf = (low - 1) / kLeafSize;
  const ActivityLeaf& before = m_leaves[place.firstLeaf + leaf];
  edge.coverage = {before.busyBeforeNs, before.endBeforeNs};
  for (auto i = static_cast<EventIndex>(leaf * kLeafSize); i < low; ++i) {
    if (occupiesAt(events, place.events.first + i))
      edge.coverage.add(spanAt(events, place.events.first + i));
  }
  return edge;
}

ActivityNode Activity::longestOfLeaves(const Place& place, size_t first, size_t last) const {
  ActivityNode longest;
  size_t nodes = place.firstNode;
  size_t size = leavesFor(place.events.count);
  const auto take = [&](size_t level, size_t i) {
    if (level == 0) {
      const ActivityLeaf& leaf = m_leaves[place.firstLeaf + i];
      widen(longest, leaf.longestEventNs, leaf.longestGapNs);
    } else {
      widen(longest, m_nodes[nodes + i].longestEventNs, m_nodes[nodes + i].longestGapNs);
    }
  };
  for (size_t level = 0; first < last; ++level) {
    while (first < last && first % kFanOut != 0) take(level, first++);
    while (first < last && last % kFanOut != 0) take(level, --last);
    if (level > 0) nodes += size;
    size = dividedUp(size, kFanOut);
    first /= kFanOut;
    last /= kFanOut;
  }
  return longest;
}

// Over the events that begin between two edges. Gaps begin no earlier than `from`.
ActivityNode Activity::longestBetween(const EventStore& events, const Place& place,
                                      const Edge& from, const Edge& to) const {
  ActivityNode longest;
  int64_t endNs = std::max(from.coverage.endNs, from.timeNs);
  bool seen = from.coverage.endNs >= from.timeNs;  // gaps of whole leaves then lie in the span
  const auto oneByOne = [&](size_t i, size_t end) {
    for (; i < end; ++i) {
      const auto e = static_cast<EventIndex>(place.events.first + i);
      if (!occupiesAt(events, e)) continue;
      const Span span = spanAt(events, e);
      widen(longest, span.endNs - span.beginNs, span.beginNs - endNs);
      endNs = std::max(endNs, span.endNs);
      seen = true;
    }
  };
  const size_t lastLeaf = to.event / kLeafSize;
  size_t leaf = dividedUp(from.event, kLeafSize);
  if (leaf >= lastLeaf) {
    oneByOne(from.event, to.event);
    return longest;
  }
  oneByOne(from.event, leaf * kLeafSize);
  if (!seen) {
    // Last ends only grow, and any event of the span ends behind those before it.
    const auto after =
        std::upper_bound(m_leaves.begin() + static_cast<std::ptrdiff_t>(place.firstLeaf + leaf),
                         m_leaves.begin() + static_cast<std::ptrdiff_t>(place.firstLeaf + lastLeaf),
                         from.coverage.endNs,
                         [](int64_t end, const ActivityLeaf& l) { return end < l.endBeforeNs; });
    leaf = static_cast<size_t>(after - m_leaves.begin()) - place.firstLeaf;
    oneByOne((leaf - 1) * kLeafSize, leaf * kLeafSize);
  }
  const ActivityNode inner = longestOfLeaves(place, leaf, lastLeaf);
  widen(longest, inner.longestEventNs, inner.longestGapNs);
  if (to.event > lastLeaf * kLeafSize) {
    endNs = std::max(m_leaves[place.firstLeaf + lastLeaf].endBeforeNs, from.timeNs);
    oneByOne(lastLeaf * kLeafSize, to.event);
  }
  return longest;
}

SpanSummary Activity::between(const EventStore& events, const Place& place, const Edge& from,
                              const Edge& to) const {
  const ActivityNode longest = longestBetween(events, place, from, to);
  const int64_t idleAtEnd = to.timeNs - std::max(to.coverage.endNs, from.timeNs);
  return {int64_t{to.event} - int64_t{from.event}, to.busyBeforeNs() - from.busyBeforeNs(),
          longest.longestEventNs, std::max({longest.longestGapNs, idleAtEnd, int64_t{0}})};
}

SpanSummary Activity::over(const EventStore& events, TrackIndex track, Span span) const {
  return bins(events, track, span, 1).front();
}

std::vector<SpanSummary> Activity::bins(const EventStore& events, TrackIndex track, Span span,
                                        size_t count) const {
  const Place& place = m_places[track];
  std::vector<SpanSummary> summaries;
  summaries.reserve(count);
  Edge from = edgeAt(events, place, span.beginNs, 0);
  const auto length = static_cast<uint64_t>(span.endNs) - static_cast<uint64_t>(span.beginNs);
  for (size_t i = 1; i <= count; ++i) {
    const uint64_t offset = length / count * i + length % count * i / count;
    const Edge to = edgeAt(events, place, span.beginNs + static_cast<int64_t>(offset), from.event);
    summaries.push_back(between(events, place, from, to));
    from = to;
  }
  return summaries;
}

}  // namespace caracal::trace
