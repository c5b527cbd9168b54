// Dependencies of a schedule's events (docs/trace-conventions.md): what the order of one stage's
// work, its collectives and its neighbours' passes imply. Used by run_graph.cpp only.
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "core/analysis/event_graph.h"
#include "core/analysis/transfers.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

// Where an event stands in the graph: the node that must have what it needs, the node that must
// have ended before others go on, and how much later than that the event itself ends.
struct NodePlace {
  NodeIndex arrive = trace::kNoIndex;  // kNoIndex: the event has no node
  NodeIndex leave = trace::kNoIndex;
  int64_t lagNs = 0;
};

struct GraphDraft {
  std::vector<GraphNode> nodes;
  std::vector<GraphEdge> edges;
  void follow(const NodePlace& first, const NodePlace& then) {
    edges.push_back({first.leave, then.arrive, EdgeFrom::kEnd, first.lagNs});
  }
};

// Adds, for the chosen ranks that have schedule work or passes:
//   compute work of a rank in order; a collective or send after the work that ended last before it;
//   the next work of the same pass and micro-batch after a collective or receive;
//   without transfers, a pass after the neighbouring stage's pass that makes its input.
// Polls `stop`; what it has added then is not complete.
void addScheduleEdges(const trace::Trace& trace, const TransferMatching& transfers,
                      const std::vector<bool>& chosen, const std::vector<NodePlace>& places,
                      const std::stop_token& stop, GraphDraft& draft);

}  // namespace caracal::analysis
