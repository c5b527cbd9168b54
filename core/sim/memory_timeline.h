// Memory of a stage over time, in exact bytes: what is static, and the tensors that are alive.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/program.h"
#include "core/plan/stage_shape.h"
#include "core/sim/replay.h"
#include "core/sim/simulator.h"

namespace caracal::sim {

struct MemoryTimeline {
  int64_t peakBytes = 0;              // static, workspace and reserve included
  std::vector<MemorySample> samples;  // every change; empty unless asked for
};

enum class Samples : uint8_t { kPeakOnly, kAll };

// An item's tensor is there from the item's begin, its releases happen at its end (a send's at
// once); a layer's retained tensors shrink to their retained bytes when the forward pass over the
// layer ends. So the peak depends on the program's order alone, never on times.
MemoryTimeline memoryOf(const plan::StageShape& shape, const plan::StageProgram& program,
                        const StageTimes& times, Samples samples);

// The peak without a replay.
int64_t peakBytesOf(const plan::StageShape& shape, const plan::StageProgram& program);

}  // namespace caracal::sim
