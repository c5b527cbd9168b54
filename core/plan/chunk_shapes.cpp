#include "core/plan/chunk_shapes.h"

#include <algorithm>

namespace caracal::plan {

std::vector<StageShape> chunkShapes(const profile::Profile& profile, const ProfileGraphs& graphs,
                                    const Plan& plan, const Schedule& schedule) {
  std::vector<StageShape> shapes;
  const auto count = static_cast<int32_t>(plan.stages.size());
  for (int32_t chunk = 0; chunk < count; ++chunk) {
    shapes.push_back({profile, graphs, plan.stages[static_cast<size_t>(chunk)], chunk, count, 0,
                      false, false, 0});
  }
  for (int32_t device = 0; device < schedule.devices; ++device) {
    const StageProgram program = emptyProgram(schedule, device);
    for (const HeldChunk& held : program.chunks) {
      StageShape& shape = shapes[static_cast<size_t>(held.chunk)];
      shape.microBatchesInFlight = std::max(shape.microBatchesInFlight, held.inFlight);
      shape.microBatchesHosted += held.hosted;
      shape.inputIsLocal = held.before == device;
      shape.outputIsLocal = held.after == device;
      shape.splitBackward = program.splitBackward;
    }
  }
  return shapes;
}

}  // namespace caracal::plan
