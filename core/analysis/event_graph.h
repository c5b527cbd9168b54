// The graph of what waited for what: events as nodes with a length, dependencies as edges. Replayed
// with unchanged lengths it gives the recorded times exactly; with other lengths it answers "what
// if", and walked backwards it gives the critical path and each event's slack.
#pragma once

#include <array>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "core/analysis/work_kinds.h"
#include "core/base/intervals.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

using NodeIndex = uint32_t;

struct GraphNode {
  trace::EventIndex event = trace::kNoIndex;
  uint32_t rankIndex = 0;
  WorkKind kind = WorkKind::kOtherCompute;
  int64_t startNs = 0;  // of its own work: waiting for other nodes is not part of it
  int64_t durationNs = 0;
  // What no dependency explains: start less the latest moment a dependency allowed. Launch latency,
  // host time between calls, unknown waits. Kept as it is by a replay (host nodes: scaled).
  int64_t gapNs = 0;
  int64_t endNs() const { return startNs + durationNs; }
};

enum class EdgeFrom : uint8_t { kEnd, kStart };

// to.start >= (from.end or from.start) + lagNs
struct GraphEdge {
  NodeIndex from = 0;
  NodeIndex to = 0;
  EdgeFrom side = EdgeFrom::kEnd;
  int64_t lagNs = 0;
};

struct EventGraph {
  std::vector<GraphNode> nodes;     // in time order: every edge leads to a later index
  std::vector<GraphEdge> edges;     // sorted by `to`
  std::vector<uint32_t> firstEdge;  // nodes.size() + 1: edges into node n
  int64_t droppedEdges = 0;  // dependencies that the recorded times contradict by their order
  Span span(const std::stop_token& stop = {}) const;  // first start to last end
};

// Sorts nodes and edges, drops edges that lead backwards in time, shortens the lag of those that
// the recorded times contradict, and computes gaps. `edges` refer to positions in `nodes`.
// Polls `stop`, as all functions here; what they then return is not complete.
EventGraph finishGraph(std::vector<GraphNode> nodes, std::vector<GraphEdge> edges,
                       const std::stop_token& stop = {});

// Durations of each kind are multiplied by these; 0.5 is "twice as fast".
using KindScales = std::array<double, kWorkKindCount>;
KindScales unscaled();

// Length of the whole under these scales. Unscaled: span().lengthNs().
int64_t replayNs(const EventGraph& graph, const KindScales& scales,
                 const std::stop_token& stop = {});

struct PathStep {
  NodeIndex node = 0;
  // Time on the path before the node's own work: its gap and its dependency's lag.
  int64_t gapNs = 0;
  // Part of the node's duration on the path: less than all where the next step left at its start.
  int64_t workNs = 0;
};

struct CriticalPath {
  std::vector<PathStep> steps;  // in time order; gaps and work add up to lengthNs exactly
  int64_t lengthNs = 0;         // span().lengthNs()
  // Per node: how much longer it may take before the whole takes longer.
  std::vector<int64_t> slackNs;
};

// Linear in nodes and edges. An empty graph has an empty path.
CriticalPath criticalPath(const EventGraph& graph, const std::stop_token& stop = {});

}  // namespace caracal::analysis
