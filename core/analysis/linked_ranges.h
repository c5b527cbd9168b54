// Ranges of backward work found through PyTorch's autograd links. Part of pass_ranges.cpp.
#pragma once

#include <vector>

#include "core/analysis/autograd_links.h"
#include "core/analysis/pass_ranges.h"
#include "core/base/result.h"

namespace caracal::analysis {

// `ranges`, of one rank and sorted by begin, with a backward range for each forward one: where the
// operators ran to which autograd links from its own, up to the engine's last operator before the
// next range. kCannotAnswer says in words why the links do not tell.
Result<std::vector<PassRange>> addLinkedBackwards(std::vector<PassRange> ranges,
                                                  const Autograd& autograd);

// The same without any range of forward work: each stretch of forward operators, up to the next
// backward one, is one. `ranges` holds optimizers at most.
Result<std::vector<PassRange>> addRangesOfLinks(std::vector<PassRange> ranges,
                                                const Autograd& autograd);

}  // namespace caracal::analysis
