// Where layers lie among the kernels of a pass. Part of kernel_layers.cpp.
#pragma once

#include <vector>

#include "core/profile/pass_work.h"
#include "core/profile/repetition.h"

namespace caracal::profile {

// Time of the kernels in a stretch that are no collectives.
int64_t computationNs(const std::vector<Work>& works, Stretch stretch);

// One stretch a repetition, in order and disjoint; a repetition may hold several layers. The first
// of these that covers at least half of the pass's computation:
// - kernels that repeat one for one;
// - matrix products, attention and collectives that repeat, whatever lies between them, where that
//   covers a tenth more: compilers fuse the rest differently from layer to layer;
// - from one attention kernel (without attention: one matrix product) to the next of its name:
//   compilers also reorder the products of a backward pass. Only with `layers` > 0.
// `layers`: how many repetitions there must be; 0: as many as there are. Empty: none of these.
std::vector<Stretch> findLayers(const std::vector<Work>& works, size_t layers);

}  // namespace caracal::profile
