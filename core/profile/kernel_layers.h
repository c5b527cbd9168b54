// The layers of a stage as its kernels show them: the part of a pass that repeats. Used by
// profileFromStages() for traces of kernels whose passes are marked (core/analysis/gpu_passes.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/analysis/step_model.h"
#include "core/base/result.h"
#include "core/profile/pass_work.h"
#include "core/profile/profile.h"
#include "core/trace/trace.h"

namespace caracal::profile {

// One kind of pass of one stage; times are medians over repetitions, of kernels alone.
struct PassLayers {
  size_t repetitions = 0;
  ClassTimes layerNs{};                  // of one repetition, recomputation left out
  std::vector<int64_t> collectiveNs;     // tensor-parallel ones of one repetition: transfer parts
  std::vector<int64_t> collectiveBytes;  // -1: not recorded
  // Computation that is none of the repetitions': before the first, behind the last, and what lies
  // between them or makes some take longer (layers that differ from the others).
  int64_t beforeNs = 0, afterNs = 0, betweenNs = 0;
  // What the matrix products of one repetition make, by their recorded shapes; -1: not recorded.
  int64_t productBytes = -1;
  // Part of the pass's computation that repeats the forward pass (activation recomputation).
  double recomputedShare = 0;
};

struct StageLayers {
  PassLayers forward, backward;
};

// From the median micro-batch of the stage's last complete step; how layers are found:
// layer_stretches.h. A backward pass shows as many as the forward one. Fails with kCannotAnswer, in
// words, where they cover less than half of a pass's computation time.
Result<StageLayers> findStageLayers(const trace::Trace& trace, const analysis::StepModel& model,
                                    int32_t stage, LayerCollectives collectives);

// What the kernels show of the policy that ran: "none" or "full", where it is one of these. Without
// kernels backward passes are taken as they are, with whatever they repeat: as if nothing was.
std::string observedPlan(const std::vector<StageLayers>& stages);

// Changes the estimate of a model with one kind of layer: operators of each class take, together,
// what the kernels of this class took in a layer; windows what the collectives did; model ends what
// lies outside of the layers. `layers`: held by each stage; up to a third of them may differ from
// the repeated ones and count as equal to those. Fails where the kernels contradict the
// description: another number of layers, of collectives, another attention, or matrix products of
// another size.
Result<void> fitToKernels(Profile& estimate, const std::vector<StageLayers>& stages,
                          const std::vector<int32_t>& layers);

}  // namespace caracal::profile
