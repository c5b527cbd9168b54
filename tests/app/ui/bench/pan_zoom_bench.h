// Frame times of the whole timeline widget (ruler, names, blocks, labels, overlays), painted into
// an image of 1920 x 1080, while it is zoomed and dragged as a user would.
#pragma once

#include <benchmark/benchmark.h>

#include <memory>

#include "app/ui/timeline/scene.h"

namespace caracal::bench {

enum class Folds { kAsOpened, kAllOpen };

// One iteration is the whole script. Counters: frames; p50ms, p99ms and maxMs of a frame by the
// clock; cpu99ms by the processor time of the thread, which other programs disturb less.
void panAndZoom(benchmark::State& state, std::shared_ptr<const ui::Scene> scene, Folds folds);

}  // namespace caracal::bench
