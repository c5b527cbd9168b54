// Folded steps: chosen steps of one run below each other, each shifted so that it begins at 0. Of a
// run with a step model every stage shows the median of its passes and below it the passes of each
// step; of other runs every rank shows the work of its GPU streams step by step, and folded all of
// it at once.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include "app/ui/timeline/scene.h"

namespace caracal::ui {

struct FoldRequest {
  uint32_t run = 0;           // of the scene
  std::vector<size_t> steps;  // indices into SceneRun::steps
};

// More steps than this are a blur: every n-th is taken then.
inline constexpr size_t kMostFoldedSteps = 16;

// `scene` as buildScene() made it. Every step is a run of the result, with its own shift. Null:
// stopped.
std::shared_ptr<const Scene> foldSteps(const Scene& scene, const FoldRequest& request,
                                       const std::stop_token& stop = {});

}  // namespace caracal::ui
