// The step of a 1F1B pipeline from the lengths of its passes alone: what sim::replay() gives for
// the same plan, a thousand times faster, for searches that try many plans.
#pragma once

#include <cstdint>
#include <vector>

namespace caracal::planner {

// One stage; nanoseconds.
struct PassTimes {
  int64_t forwardNs = 0;        // a forward pass that hides no recomputation
  int64_t forwardFilledNs = 0;  // one whose windows hold the recomputations of the next backward
  int64_t backwardNs = 0;       // on-demand work included
  int64_t pipeNs =
      0;  // recomputation before a gradient's arrival; micro-batches with a next forward
  int64_t pipeTailNs = 0;  // the same for the last N_s - 1, whose fwd.* work moved there
  int64_t endNs = 0;       // gradient reduction and optimizer
  bool operator==(const PassTimes&) const = default;
};

struct PipelineShape {
  int32_t microBatches = 1;
  int64_t sendForwardNs = 0;
  int64_t sendBackwardNs = 0;
};

struct PipelineTimes {
  int64_t stepNs = 0;
  // [stage][microBatch]: time from the end of the work before (pipe recomputation not counted) to
  // the gradient's arrival; 0 where it is there already and on the last stage.
  std::vector<std::vector<int64_t>> gradientWaitNs;
};

PipelineTimes pipelineTimes(const std::vector<PassTimes>& stages, const PipelineShape& shape);

// How often a path through the step runs through each pass of a stage; of several paths together,
// the mean.
struct PassCounts {
  double forward = 0, forwardFilled = 0, backward = 0, pipe = 0, pipeTail = 0, end = 0;
  double ns(const PassTimes& times) const;
};

// Passes, and transfers between them, of which each starts when the one before ends: no step is
// shorter than any of its paths.
struct StepPath {
  std::vector<PassCounts> stages;
  double transferNs = 0;
  double ns(const std::vector<PassTimes>& times) const;
};

// The longest one, which is as long as the step.
StepPath criticalPath(const std::vector<PassTimes>& stages, const PipelineShape& shape);

// Lower bound on the step of any plan in which stage s works for at least workNs[s] from its first
// forward to its last backward, and passes take at least `least`.
int64_t stepBoundNs(const std::vector<PassTimes>& least, const std::vector<int64_t>& workNs,
                    const PipelineShape& shape);

}  // namespace caracal::planner
