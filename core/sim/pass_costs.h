// What each pass of a device costs. That depends on its chunk and on its micro-batch's *life*: the
// order of its passes on the device and where its recomputations run, which says who reads a tensor
// last; a forward also on the life of the micro-batch whose recomputations it hides. Micro-batches
// share a handful of lives, so that a few of them, lowered and replayed item by item, say what all
// cost, exactly.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/base/result.h"
#include "core/plan/plan.h"
#include "core/plan/program.h"
#include "core/plan/schedule.h"
#include "core/plan/stage_shape.h"
#include "core/profile/profile.h"
#include "core/sim/memory_timeline.h"

namespace caracal::sim {

// A moment of a pass. What its top layer has on the host is copied back from the pass's start;
// everything else waits for its beginning: when `pipe` work is done and the gradient is there.
struct Moment {
  int64_t afterStartNs = 0;      // at the earliest, for the sake of these copies
  int64_t afterBeginningNs = 0;  // at the earliest, for the sake of all the rest

  int64_t at(int64_t startNs, int64_t beginningNs) const {
    return std::max(startNs + afterStartNs, beginningNs + afterBeginningNs);
  }
};

// A layer's gradient reduction in a pass that completes the chunk's gradients.
struct Reduction {
  Moment ready;
  int64_t ns = 0;
};

struct PassCost {
  bool runs = false;   // has items
  int64_t pipeNs = 0;  // recomputation before the gradient is waited for: from start to beginning
  Moment send, end;    // of its activation or gradient; without one: the end
  int64_t workNs = 0;  // from its beginning to its end, were no copy ever waited for
  // Recomputation of the `pipe` place is in none of the following but busyNs.
  int64_t hiddenNs = 0;
  int64_t exposedNs = 0;
  int64_t busyNs = 0;      // of the compute stream
  int64_t pipeBusyNs = 0;  // the part of it before the gradient: no repeated collectives
  MemoryChange memory;
  // With contention, of a pass that copies to or from the host, or of a job that reduces in
  // backward: what is on its way when and beside what decides how long the pass takes, so that its
  // times above only hold where nothing else is on its way. Micro-batches are the sample's.
  std::vector<plan::Item> items;
  bool copies = false;
  // Of passes that make weight gradients, where the job reduces in backward; in order.
  std::vector<Reduction> reductions;
};

struct LifeCosts {
  std::vector<PassCost> forward;  // [0]: hides nothing; [1 + life]: recomputations of such a life
  PassCost backward, weights;
};

struct ChunkCosts {
  std::vector<LifeCosts> lives;
  std::vector<uint32_t> lifeOf;  // per micro-batch, index into `lives`

  const LifeCosts& of(int32_t microBatch) const {
    return lives[lifeOf[static_cast<size_t>(microBatch)]];
  }
  // `hosted`: the micro-batch whose recomputations it hides; -1: none.
  const PassCost& forward(int32_t microBatch, int32_t hosted) const {
    return of(microBatch).forward[hosted < 0 ? 0 : 1 + lifeOf[static_cast<size_t>(hosted)]];
  }
};

// One entry per chunk of `device`, in its order. Only costs of passes in `order` are filled in.
// Errors are those of lower().
Result<std::vector<ChunkCosts>> passCostsOf(const profile::Profile& profile, const plan::Plan& plan,
                                            const plan::StageProgram& device,
                                            const plan::PassOrder& order);

}  // namespace caracal::sim
