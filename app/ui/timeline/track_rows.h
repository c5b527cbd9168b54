// Rows of one rank from the tracks of a trace; internal to the scene builder.
#pragma once

#include <optional>
#include <stop_token>
#include <vector>

#include "app/ui/timeline/scene.h"
#include "core/analysis/profiler_steps.h"

namespace caracal::ui {

// Per rank index: GPU streams first, then lanes of schedules, then host threads by how much they
// did; python calls and instants in folded rows of their own. Row::stage and such are left to the
// caller.
using RankRows = std::vector<std::vector<Row>>;
// Reads every event, ranks in parallel. Nothing: stopped.
std::optional<RankRows> rowsOfRanks(const SceneRun& run, const std::stop_token& stop,
                                    const Progress& progress);
// A step to take the work of: by its number where launches tell it, else by its time.
struct WorkOfStep {
  const analysis::ProfilerSteps& steps;
  int32_t number = 0;
  Span span;  // trace time
};
// The work of a rank's GPU streams and schedule lanes in a step, a lane or more a track. What the
// step launched is its work, also where the GPU does it later.
std::vector<Lane> workLanes(const SceneRun& run, uint32_t rankIndex, const WorkOfStep& step);

}  // namespace caracal::ui
