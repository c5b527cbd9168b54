// Rematerialisation of a whole graph as Checkmate poses it (Jain et al., arXiv 1910.02653): every
// node has unit cost and unit memory, may be computed and dropped any number of times, and needs
// its inputs in memory to be computed. Exact, by breadth-first search over what is in memory; small
// graphs only. It is the yardstick of the per-layer policy in checkmate.h.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace caracal::planner {

// Inputs of each node, which all come before it. REQUIRES at most 24 nodes.
using UnitGraph = std::vector<std::vector<int32_t>>;

// A chain of k forward nodes, a loss, and k backward nodes, each of which also reads the output of
// its forward node: n = 2k + 1, backward node 2k - i reads forward node i.
UnitGraph trainingChain(int32_t forwardNodes);

// Least number of computations after which the last node is in memory, never holding more than
// `budget` nodes; nothing when no order does.
std::optional<int32_t> leastEvaluations(const UnitGraph& graph, int32_t budget);

}  // namespace caracal::planner
