#include "core/planner/checkmate_chain.h"

#include <bit>
#include <cassert>

namespace caracal::planner {
namespace {

using Held = uint32_t;  // one bit per node in memory

Held bit(size_t node) {
  return Held{1} << node;
}

std::vector<Held> inputMasks(const UnitGraph& graph) {
  std::vector<Held> masks;
  for (const auto& inputs : graph) {
    Held& mask = masks.emplace_back(0);
    for (const int32_t input : inputs) mask |= bit(static_cast<size_t>(input));
  }
  return masks;
}

}  // namespace

UnitGraph trainingChain(int32_t forwardNodes) {
  UnitGraph graph(static_cast<size_t>(2 * forwardNodes + 1));
  for (int32_t node = 1; node <= 2 * forwardNodes; ++node) {
    graph[static_cast<size_t>(node)].push_back(node - 1);
    if (node > forwardNodes) graph[static_cast<size_t>(node)].push_back(2 * forwardNodes - node);
  }
  return graph;
}

// Dropping costs nothing, so nothing is dropped before room is needed: from each state a node is
// computed beside all that is there, or in place of one node that it does not read.
std::optional<int32_t> leastEvaluations(const UnitGraph& graph, int32_t budget) {
  assert(!graph.empty() && graph.size() <= 24 && "the search holds one state per set of nodes");
  const std::vector<Held> inputs = inputMasks(graph);
  const Held goal = bit(graph.size() - 1);
  std::vector<bool> seen(size_t{1} << graph.size());
  std::vector<Held> frontier{0};
  for (int32_t evaluations = 1; !frontier.empty(); ++evaluations) {
    std::vector<Held> next;
    const auto visit = [&](Held held) {
      if (seen[held]) return;
      seen[held] = true;
      next.push_back(held);
    };
    for (const Held held : frontier) {
      for (size_t node = 0; node < graph.size(); ++node) {
        const bool possible = (inputs[node] & ~held) == 0 && (held & bit(node)) == 0;
        if (!possible || std::popcount(inputs[node]) >= budget) continue;
        if (bit(node) == goal) return evaluations;
        if (std::popcount(held) < budget) {
          visit(held | bit(node));
          continue;
        }
        for (Held rest = held & ~inputs[node]; rest != 0; rest &= rest - 1) {
          visit((held ^ (rest & (~rest + 1))) | bit(node));
        }
      }
    }
    frontier = std::move(next);
  }
  return std::nullopt;
}

}  // namespace caracal::planner
