// Steps of a run of a scene; internal to the scene builder.
#pragma once

#include "app/ui/timeline/scene.h"

namespace caracal::ui {

inline Span shifted(Span span, int64_t byNs) {
  return {span.beginNs + byNs, span.endNs + byNs};
}

// Fills steps and stepNumbers: from the step model, else from step annotations of the first thread
// that has any ("ProfilerStep#7", "step:7"). REQUIRES trace, model and shiftNs.
// Polls `stop`; the steps are then not complete.
void takeSteps(SceneRun& run, const std::stop_token& stop);

// Sorts passes for spreadOverLanes(). Op-level tracers stamp a pass's start before the one before
// it has ended, by microseconds. Drawn exactly, every such pair would take a second lane: the later
// block starts where the earlier ends instead, when that moves it by no more than a hundredth. The
// details panel tells the exact times.
void arrangePasses(std::vector<Block>& blocks);

}  // namespace caracal::ui
