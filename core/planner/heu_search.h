// HEU: the best single policy per layer kind for one stage, exactly: by best-first search over what
// is kept or rebuilt (fate_search.h), and over the windows for it (window_search.h).
//
// Objective, in nanoseconds per step: everything that recomputation adds to the stage's passes
// (on-demand work, window overflow, repeated collectives, contention), summed over layers and
// micro-batches, plus what the `pipe` work of each micro-batch exceeds the stage's wait for its
// gradient. Among equals the policy with least recomputation wins. Subject to the exact peak of
// StageModel, and to the order of recomputations. Nothing that backward does not need, and no
// recomputation needs, is kept or rebuilt.
#pragma once

#include <cstdint>
#include <limits>

#include "core/planner/gradient_gaps.h"
#include "core/planner/mix_stop.h"
#include "core/planner/stage_model.h"

namespace caracal::planner {

inline constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

struct StageGaps {
  GradientGaps steady;  // micro-batches with a next forward
  GradientGaps tail;    // the others
};

// Of a stage that never waits.
StageGaps noGapsOf(const StageModel& model);

enum class HeuGoal : uint8_t { kLeastTime, kLeastMemory };

struct HeuRequest {
  int64_t budgetBytes = kNoLimit;
  HeuGoal goal = HeuGoal::kLeastTime;
  int64_t nodeLimit = 2'000'000;  // search nodes; about 0.1 us each
};

struct HeuPolicy {
  bool found = false;     // false: nothing fits the budget (proven when complete)
  bool complete = false;  // the search ended by itself: what it found is proven best
  KindPolicies policies;
  int64_t objectiveNs = 0;
  int64_t recomputeNs = 0;  // per micro-batch, hidden or not
  int64_t peakBytes = 0;
  PassTimes times;
  int64_t nodes = 0;
};

// What a policy costs: the objective above.
int64_t objectiveNs(const StageModel& model, const StageGaps& gaps, const PassTimes& times);

// Ends early, with what it has, when asked to or out of time: then `complete` is false.
HeuPolicy searchHeu(const StageModel& model, const StageGaps& gaps, const HeuRequest& request,
                    const MixStop& stop = {});

}  // namespace caracal::planner
