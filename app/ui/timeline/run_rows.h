// The rows of one run of a scene: stages with what they did and why they were idle, ranks with
// their tracks. Internal to the scene builder.
#pragma once

#include "app/ui/timeline/scene.h"
#include "app/ui/timeline/track_rows.h"

namespace caracal::ui {

// Adds the rows of scene.runs[run], its bubbles included. `rankRows`: its tracks (track_rows.h).
void addRunRows(Scene& scene, uint32_t run, Grouping grouping, RankRows rankRows);

}  // namespace caracal::ui
