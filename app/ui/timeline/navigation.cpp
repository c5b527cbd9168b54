#include "app/ui/timeline/navigation.h"

#include <algorithm>
#include <cmath>

namespace caracal::ui {
namespace {

BlockRef nextInLane(const Scene& scene, uint32_t row, uint32_t lane, int64_t timeNs,
                    Direction direction) {
  const Lane& of = laneOf(scene, row, lane);
  if (direction == Direction::kForward) {
    const size_t after = of.firstAfter(timeNs);
    return after == of.size() ? BlockRef{} : BlockRef{row, lane, static_cast<uint32_t>(after)};
  }
  const size_t notBefore = of.firstFrom(timeNs);
  return notBefore == 0 ? BlockRef{} : BlockRef{row, lane, static_cast<uint32_t>(notBefore) - 1};
}

std::vector<EventLink> eventLinks(const trace::Trace& trace, const RunLinks* links,
                                  trace::EventIndex event) {
  if (links != nullptr) return links->of(event);
  return launchLinks(trace, event);
}

}  // namespace

BlockRef nextBlock(const Scene& scene, const BlockRef& from, Direction direction) {
  const size_t count = laneOf(scene, from.row, from.lane).size();
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
  const Block block = blockOf(scene, ref);
  const bool median = scene.folded && scene.rows[ref.row].kind == RowKind::kStage;
  if (isBubble(block.style.paint) || median) return std::nullopt;
  return EventPlace{scene.rows[ref.row].run, block.source};
}

std::vector<BlockLink> linksOf(const Scene& scene, const RunLinks* links, const BlockRef& block) {
  std::vector<BlockLink> drawn;
  const std::optional<EventPlace> place = eventOf(scene, block);
  if (!place) return drawn;
  const trace::Trace& trace = *scene.runs[place->run].trace;
  const auto blockOfEvent = [&](trace::EventIndex event) {
    return event == place->event ? block : findEvent(scene, place->run, event);
  };
  for (const EventLink& link : eventLinks(trace, links, place->event)) {
    const BlockLink found{blockOfEvent(link.from), blockOfEvent(link.to), link.kind};
    if (found.from.valid() && found.to.valid()) drawn.push_back(found);
  }
  return drawn;
}

BlockRef followDependency(const std::vector<BlockLink>& links, const BlockRef& from,
                          Direction direction) {
  BlockRef launch;
  for (const BlockLink& link : links) {
    const bool matches = direction == Direction::kForward ? link.from == from : link.to == from;
    if (!matches) continue;
    const BlockRef& other = direction == Direction::kForward ? link.to : link.from;
    if (link.kind != LinkKind::kLaunch) return other;
    launch = other;
  }
  return launch;
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
    for (size_t i = near == 0 ? 0 : near - 1; i < std::min(near + 2, blocks.size()); ++i) {
      offer(blocks.span(i).beginNs);
      offer(blocks.span(i).endNs);
    }
  }
  return best;
}

}  // namespace caracal::ui
