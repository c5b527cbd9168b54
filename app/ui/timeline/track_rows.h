// Rows of one rank from the tracks of a trace; internal to the scene builder.
#pragma once

#include <optional>
#include <stop_token>
#include <vector>

#include "app/ui/timeline/scene.h"

namespace caracal::ui {

// Per rank index: GPU streams first, then lanes of schedules, then host threads by how much they
// did; python calls and instants in folded rows of their own. Row::stage and such are left to the
// caller.
using RankRows = std::vector<std::vector<Row>>;
// Reads every event, ranks in parallel. Nothing: stopped.
std::optional<RankRows> rowsOfRanks(const SceneRun& run, const std::stop_token& stop,
                                    const Progress& progress);
// The work of a rank's GPU streams and schedule lanes that begins in `traceSpan` (trace time), a
// lane or more a track.
std::vector<Lane> workLanes(const SceneRun& run, uint32_t rankIndex, Span traceSpan);

}  // namespace caracal::ui
