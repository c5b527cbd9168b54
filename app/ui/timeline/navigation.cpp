#include "app/ui/timeline/navigation.h"

#include <algorithm>
#include <cmath>

namespace caracal::ui {
namespace {

BlockRef nextInLane(const Scene& scene, uint32_t row, uint32_t lane, int64_t timeNs,
                    Direction direction) {
  const auto& blocks = laneOf(scene, row, lane).blocks();
  const auto after = std::partition_point(blocks.begin(), blocks.end(),
                                          [&](const Block& b) { return b.beginNs <= timeNs; });
  if (direction == Direction::kForward) {
    if (after == blocks.end()) return {};
    return {row, lane, static_cast<uint32_t>(after - blocks.begin())};
  }
  const auto notBefore = std::partition_point(blocks.begin(), blocks.end(),
                                              [&](const Block& b) { return b.beginNs < timeNs; });
  if (notBefore == blocks.begin()) return {};
  return {row, lane, static_cast<uint32_t>(notBefore - blocks.begin()) - 1};
}

trace::EventIndex launchedBy(const trace::Trace& trace, trace::EventIndex host) {
  for (trace::EventIndex e = 0; e < trace.eventCount(); ++e) {
    if (trace.launch(e) == host) return e;
  }
  return trace::kNoIndex;
}

trace::EventIndex causeOf(const trace::Trace& trace, trace::EventIndex event) {
  if (trace.launch(event) != trace::kNoIndex) return trace.launch(event);
  for (const trace::Flow& flow : trace.flows()) {
    if (flow.to == event) return flow.from;
  }
  return trace::kNoIndex;
}

trace::EventIndex effectOf(const trace::Trace& trace, trace::EventIndex event) {
  const auto& flows = trace.flows();
  const auto flow =
      std::lower_bound(flows.begin(), flows.end(), event,
                       [](const trace::Flow& f, trace::EventIndex e) { return f.from < e; });
  if (flow != flows.end() && flow->from == event) return flow->to;
  return launchedBy(trace, event);
}

}  // namespace

BlockRef nextBlock(const Scene& scene, const BlockRef& from, Direction direction) {
  const size_t count = laneOf(scene, from.row, from.lane).blocks().size();
  const int64_t index = int64_t{from.index} + static_cast<int>(direction);
  if (index < 0 || index >= static_cast<int64_t>(count)) return {};
  return {from.row, from.lane, static_cast<uint32_t>(index)};
}

BlockRef nextBubble(const Scene& scene, uint32_t row, int64_t timeNs, Direction direction) {
  if (row < scene.rows.size() && !scene.rows[row].bubbles.empty()) {
    return nextInLane(scene, row, kBubbleLane, timeNs, direction);
  }
  BlockRef best;
  for (uint32_t r = 0; r < scene.rows.size(); ++r) {
    if (scene.rows[r].bubbles.empty()) continue;
    const BlockRef found = nextInLane(scene, r, kBubbleLane, timeNs, direction);
    if (!found.valid()) continue;
    const auto distance = [&](const BlockRef& ref) {
      return std::abs(blockOf(scene, ref).beginNs - timeNs);
    };
    if (!best.valid() || distance(found) < distance(best)) best = found;
  }
  return best;
}

std::optional<Span> nextStep(const Scene& scene, uint32_t run, int64_t timeNs,
                             Direction direction) {
  const std::vector<Span>& steps = scene.runs[run].steps;
  if (direction == Direction::kForward) {
    for (const Span& step : steps) {
      if (step.beginNs > timeNs) return step;
    }
    return std::nullopt;
  }
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    if (step->beginNs < timeNs) return *step;
  }
  return std::nullopt;
}

std::optional<EventPlace> eventOf(const Scene& scene, const BlockRef& ref) {
  if (!ref.valid()) return std::nullopt;
  const Block& block = blockOf(scene, ref);
  if (isBubble(block.style.paint)) return std::nullopt;
  return EventPlace{scene.rows[ref.row].run, block.source};
}

BlockRef followDependency(const Scene& scene, const BlockRef& from, Direction direction) {
  const std::optional<EventPlace> place = eventOf(scene, from);
  if (!place) return {};
  const trace::Trace& trace = *scene.runs[place->run].trace;
  const trace::EventIndex other = direction == Direction::kForward ? effectOf(trace, place->event)
                                                                   : causeOf(trace, place->event);
  return other == trace::kNoIndex ? BlockRef{} : findEvent(scene, place->run, other);
}

int64_t snapToEdge(const Scene& scene, const RowLayout& layout, const TimeView& view, double x,
                   int y, double pixels) {
  const int64_t time = view.timeAt(x);
  const size_t place = layout.at(y);
  if (place == layout.rows.size()) return time;
  const PlacedRow& row = layout.rows[place];
  int64_t best = time;
  double bestDistance = pixels;
  const auto offer = [&](int64_t edge) {
    const double distance = std::abs(view.pixelOf(edge) - x);
    if (distance < bestDistance) {
      bestDistance = distance;
      best = edge;
    }
  };
  const auto within = static_cast<int64_t>(pixels * view.nsPerPixel) + 1;
  for (const PlacedLane& lane : row.lanes) {
    if (y < lane.top || y >= lane.top + lane.height) continue;
    const Lane& blocks = laneOf(scene, row.row, lane.lane);
    const size_t near = blocks.at(time, within);
    for (size_t i = near == 0 ? 0 : near - 1; i < std::min(near + 2, blocks.blocks().size()); ++i) {
      offer(blocks.blocks()[i].beginNs);
      offer(blocks.blocks()[i].endNs);
    }
  }
  return best;
}

}  // namespace caracal::ui
