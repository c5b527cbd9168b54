#include "app/ui/timeline/scene.h"

#include <algorithm>

#include "app/ui/timeline/overview.h"
#include "app/ui/timeline/run_rows.h"
#include "app/ui/timeline/scene_steps.h"
#include "app/ui/timeline/track_rows.h"

namespace caracal::ui {
uint32_t Scene::subtreeEnd(uint32_t row) const {
  uint32_t end = row + 1;
  while (end < rows.size() && rows[end].depth > rows[row].depth) ++end;
  return end;
}

size_t Scene::blockCount() const {
  size_t count = bubbles.size();
  for (const Row& row : rows) {
    for (const Lane& lane : row.lanes) count += lane.size();
  }
  return count;
}

size_t Scene::memoryBytes() const {
  size_t bytes = bubbles.capacity() * sizeof(SceneBubble) + rows.capacity() * sizeof(Row);
  for (const Row& row : rows) {
    bytes += row.bubbles.memoryBytes();
    for (const Lane& lane : row.lanes) bytes += lane.memoryBytes();
  }
  return bytes;
}

std::shared_ptr<const Scene> buildScene(const std::vector<RunInput>& inputs,
                                        const std::stop_token& stop, const Progress& progress) {
  auto scene = std::make_shared<Scene>();
  bool first = true;
  for (const RunInput& input : inputs) {
    SceneRun run;
    run.name = input.name;
    run.trace = input.trace;
    run.model = input.model;
    run.shiftNs = -input.alignNs.value_or(input.trace->range().beginNs);
    run.events = std::make_shared<const EventBlocks>(run.trace, run.shiftNs);
    takeSteps(run, stop);
    if (stop.stop_requested()) return nullptr;
    const Span range = shifted(input.trace->range(), run.shiftNs);
    scene->range = first ? range
                         : Span{std::min(scene->range.beginNs, range.beginNs),
                                std::max(scene->range.endNs, range.endNs)};
    first = false;
    scene->runs.push_back(std::move(run));
  }
  // Rows second: how much is folded depends on how many runs there are.
  for (uint32_t run = 0; run < scene->runs.size(); ++run) {
    SceneRun& of = scene->runs[run];
    of.overview = overviewOf(*of.trace, of.shiftNs, scene->range);
    auto rankRows = rowsOfRanks(of, stop, progress);
    if (!rankRows) return nullptr;
    addRunRows(*scene, run, inputs[run].grouping, std::move(*rankRows));
  }
  return scene;
}

const Lane& laneOf(const Scene& scene, uint32_t row, uint32_t lane) {
  return lane == kBubbleLane ? scene.rows[row].bubbles : scene.rows[row].lanes[lane];
}

Block blockOf(const Scene& scene, const BlockRef& ref) {
  return laneOf(scene, ref.row, ref.lane)[ref.index];
}

BlockRef findEvent(const Scene& scene, uint32_t run, trace::EventIndex event) {
  const SceneRun& of = scene.runs[run];
  const int64_t begin = of.trace->beginNs(event) + of.shiftNs;
  const uint32_t rank = of.trace->tracks()[of.trace->trackOf(event)].rank;
  for (uint32_t r = 0; r < scene.rows.size(); ++r) {
    if (scene.rows[r].run != run || scene.rows[r].rankIndex != rank) continue;
    for (uint32_t l = 0; l < scene.rows[r].lanes.size(); ++l) {
      const Lane& lane = scene.rows[r].lanes[l];
      for (size_t i = lane.firstFrom(begin); i < lane.size() && lane.span(i).beginNs == begin;
           ++i) {
        if (lane.source(i) == event) return {r, l, static_cast<uint32_t>(i)};
      }
    }
  }
  return {};
}

}  // namespace caracal::ui
