// The layers of a stage as its kernels show them: the part of a pass that repeats. Used by
// profileFromStages() for traces of kernels whose passes are marked (core/analysis/gpu_passes.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/analysis/step_model.h"
#include "core/base/result.h"
#include "core/profile/profile.h"
#include "core/trace/trace.h"

namespace caracal::profile {

// The stretch of a sequence that repeats with one period: symbols[i] == symbols[i + period] for
// first <= i < first + (count - 1) * period.
struct Repetition {
  size_t first = 0;
  size_t period = 0;
  size_t count = 0;  // whole periods; 0: nothing repeats
  bool operator==(const Repetition&) const = default;
};
// The longest such stretch, of those the one with the shortest period: what comes before and after
// it (embeddings, a first or last layer that differs) may be anything.
Repetition findRepetition(const std::vector<uint32_t>& symbols);

enum class KernelClass : uint8_t { kMatrix, kAttention, kOther, kCount };
inline constexpr size_t kKernelClassCount = static_cast<size_t>(KernelClass::kCount);
using ClassTimes = std::array<int64_t, kKernelClassCount>;

// One kind of pass of one stage; times are medians over repetitions, of kernels alone.
struct PassLayers {
  size_t repetitions = 0;
  ClassTimes layerNs{};                  // of one repetition, recomputation left out
  std::vector<int64_t> collectiveNs;     // tensor-parallel ones of one repetition: transfer parts
  std::vector<int64_t> collectiveBytes;  // -1: not recorded
  int64_t beforeNs = 0, afterNs = 0;     // computation outside of all repetitions
  // Part of the pass's computation that repeats the forward pass (activation recomputation).
  double recomputedShare = 0;
};

struct StageLayers {
  PassLayers forward, backward;
};

// From the median micro-batch of the stage's last complete step. Fails with kCannotAnswer, in
// words, where the kernels of a pass do not repeat over at least half of its computation time.
Result<StageLayers> findStageLayers(const trace::Trace& trace, const analysis::StepModel& model,
                                    int32_t stage);

// Changes the estimate of a model with one kind of layer: operators of each class take, together,
// what the kernels of this class took in a layer; windows what the collectives did; model ends what
// lies outside of the layers. `layers`: held by each stage. Fails where the kernels contradict the
// description: another number of layers, of collectives, or another attention.
Result<void> fitToKernels(Profile& estimate, const std::vector<StageLayers>& stages,
                          const std::vector<int32_t>& layers);

}  // namespace caracal::profile
