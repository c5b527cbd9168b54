// Memory of a device over time, in exact bytes: what is static, and the tensors that are alive.
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
MemoryTimeline memoryOf(const plan::DeviceShape& device, const plan::StageProgram& program,
                        const StageTimes& times, Samples samples);

// The peak without a replay; of a device that holds one stage in the second form.
int64_t peakBytesOf(const plan::DeviceShape& device, const plan::StageProgram& program);
int64_t peakBytesOf(const plan::StageShape& shape, const plan::StageProgram& program);

// What a part of a program does to memory, from whatever there is before it.
struct MemoryChange {
  int64_t peakBytes = 0;  // most above the beginning; not below 0
  int64_t netBytes = 0;   // at the end, compared with the beginning
};

// The changes of the parts [begins[i], begins[i + 1]), the last one up to the program's end.
std::vector<MemoryChange> memoryChangesOf(const plan::DeviceShape& device,
                                          const plan::StageProgram& program,
                                          const std::vector<size_t>& begins);

}  // namespace caracal::sim
