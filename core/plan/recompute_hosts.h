// Beside which collective each recomputation runs. A placement in a window may have several
// collectives to choose from (LayerGraph::hosts): with sequence parallelism a half of a layer
// gathers and scatters, experts dispatch and combine. What is placed there runs in forward order,
// split over the collectives in time order so that least of it is exposed; of splits that expose as
// little, the earliest, which leaves bwd.mlp, the last of its kind, to its own layer. Shared by
// lowering and planning, so that both mean the same.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/overlap_clock.h"
#include "core/plan/recompute_slots.h"
#include "core/plan/stage_shape.h"

namespace caracal::plan {

struct HostedWork {
  int64_t ns = 0;  // alone
  bool collective = false;
};

// How much longer a collective takes for work [begin, end) beside it, in this order.
int64_t overflowNs(const HostedWork* begin, const HostedWork* end, int64_t capacityNs,
                   const Contention& contention);

// Per piece of work, the place of its collective in `capacitiesNs`. REQUIRES at least one.
std::vector<size_t> splitWork(const std::vector<HostedWork>& work,
                              const std::vector<int64_t>& capacitiesNs,
                              const Contention& contention);

// What splitWork() exposes.
int64_t splitOverflowNs(const std::vector<HostedWork>& work,
                        const std::vector<int64_t>& capacitiesNs, const Contention& contention);

// The kinds of layer that a layer's recomputations meet.
struct HostKinds {
  int32_t own = 0;
  int32_t above = -1;  // whose backward runs just before; -1: top of the stage
};

// Of the collectives that host a placement, how long each leaves compute free.
std::vector<int64_t> capacitiesNs(const StageShape& shape, int32_t kind, WindowId host);

// Per operator, the collective that hosts it: an index into the windows of its own kind (fwd.*,
// own.bwd.mlp) or of the kind above (prev.*); -1: no window hosts it. `slots`: recomputeSlots().
std::vector<int8_t> recomputeHosts(const StageShape& shape, HostKinds kinds,
                                   const std::vector<Slot>& slots);

}  // namespace caracal::plan
