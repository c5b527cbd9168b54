#include "core/analysis/event_graph.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

namespace caracal::analysis {
namespace {

int64_t departure(const GraphNode& from, EdgeFrom side) {
  return side == EdgeFrom::kEnd ? from.endNs() : from.startNs;
}

// Positions of the nodes in time order. What takes no time comes before what begins with it.
std::vector<NodeIndex> timeOrder(const std::vector<GraphNode>& nodes) {
  std::vector<NodeIndex> order(nodes.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](NodeIndex a, NodeIndex b) { return nodes[a].startNs < nodes[b].startNs; });
  return order;
}

void placeEdges(std::vector<GraphEdge> edges, const std::vector<NodeIndex>& newIndex,
                EventGraph& graph) {
  for (GraphEdge edge : edges) {
    edge.from = newIndex[edge.from];
    edge.to = newIndex[edge.to];
    if (edge.from >= edge.to) {
      ++graph.droppedEdges;
      continue;
    }
    // Recorded times are the truth: a dependency cannot have held longer than they show.
    const int64_t recordedNs =
        graph.nodes[edge.to].startNs - departure(graph.nodes[edge.from], edge.side);
    edge.lagNs = std::min(edge.lagNs, recordedNs);
    graph.edges.push_back(edge);
  }
  std::stable_sort(graph.edges.begin(), graph.edges.end(),
                   [](const GraphEdge& a, const GraphEdge& b) { return a.to < b.to; });
  graph.firstEdge.assign(graph.nodes.size() + 1, 0);
  for (const GraphEdge& edge : graph.edges) ++graph.firstEdge[edge.to + 1];
  std::partial_sum(graph.firstEdge.begin(), graph.firstEdge.end(), graph.firstEdge.begin());
}

void computeGaps(EventGraph& graph) {
  const int64_t originNs = graph.nodes.empty() ? 0 : graph.nodes.front().startNs;
  for (NodeIndex n = 0; n < graph.nodes.size(); ++n) {
    int64_t allowedNs = originNs;
    for (uint32_t e = graph.firstEdge[n]; e < graph.firstEdge[n + 1]; ++e) {
      const GraphEdge& edge = graph.edges[e];
      allowedNs = std::max(allowedNs, departure(graph.nodes[edge.from], edge.side) + edge.lagNs);
    }
    graph.nodes[n].gapNs = graph.nodes[n].startNs - allowedNs;
  }
}

int64_t scaled(int64_t ns, double scale) {
  return scale == 1 ? ns : std::llround(static_cast<double>(ns) * scale);
}

// The edge that held the node back longest, or nothing where the node waited for none.
std::optional<GraphEdge> bindingEdge(const EventGraph& graph, NodeIndex node) {
  std::optional<GraphEdge> binding;
  int64_t latestNs = graph.nodes.front().startNs;
  for (uint32_t e = graph.firstEdge[node]; e < graph.firstEdge[node + 1]; ++e) {
    const GraphEdge& edge = graph.edges[e];
    const int64_t allowedNs = departure(graph.nodes[edge.from], edge.side) + edge.lagNs;
    if (allowedNs < latestNs || (binding && allowedNs == latestNs)) continue;
    latestNs = allowedNs;
    binding = edge;
  }
  return binding;
}

std::vector<int64_t> slackOf(const EventGraph& graph) {
  const int64_t lastNs = graph.span().endNs;
  // Latest start and end of each node that leave the whole as it is.
  std::vector<int64_t> latestStart(graph.nodes.size(), std::numeric_limits<int64_t>::max());
  std::vector<int64_t> latestEnd(graph.nodes.size(), lastNs);
  std::vector<int64_t> slack(graph.nodes.size());
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const GraphNode& node = graph.nodes[i];
    latestStart[i] = std::min(latestStart[i], latestEnd[i] - node.durationNs);
    slack[i] = latestEnd[i] - node.endNs();
    for (uint32_t e = graph.firstEdge[i]; e < graph.firstEdge[i + 1]; ++e) {
      const GraphEdge& edge = graph.edges[e];
      const int64_t latestNs = latestStart[i] - node.gapNs - edge.lagNs;
      int64_t& bound = edge.side == EdgeFrom::kEnd ? latestEnd[edge.from] : latestStart[edge.from];
      bound = std::min(bound, latestNs);
    }
  }
  return slack;
}

}  // namespace

Span EventGraph::span() const {
  if (nodes.empty()) return {};
  // Sorted by start.
  int64_t lastNs = nodes.front().endNs();
  for (const GraphNode& node : nodes) lastNs = std::max(lastNs, node.endNs());
  return {nodes.front().startNs, lastNs};
}

EventGraph finishGraph(std::vector<GraphNode> nodes, std::vector<GraphEdge> edges) {
  EventGraph graph;
  const std::vector<NodeIndex> order = timeOrder(nodes);
  std::vector<NodeIndex> newIndex(nodes.size());
  for (NodeIndex i = 0; i < order.size(); ++i) {
    newIndex[order[i]] = i;
    graph.nodes.push_back(nodes[order[i]]);
  }
  placeEdges(std::move(edges), newIndex, graph);
  computeGaps(graph);
  return graph;
}

KindScales unscaled() {
  KindScales scales;
  scales.fill(1);
  return scales;
}

int64_t replayNs(const EventGraph& graph, const KindScales& scales) {
  if (graph.nodes.empty()) return 0;
  const int64_t originNs = graph.nodes.front().startNs;
  std::vector<int64_t> starts(graph.nodes.size());
  std::vector<int64_t> ends(graph.nodes.size());
  int64_t lastNs = originNs;
  for (NodeIndex n = 0; n < graph.nodes.size(); ++n) {
    const GraphNode& node = graph.nodes[n];
    const double scale = scales[static_cast<size_t>(node.kind)];
    int64_t allowedNs = originNs;
    for (uint32_t e = graph.firstEdge[n]; e < graph.firstEdge[n + 1]; ++e) {
      const GraphEdge& edge = graph.edges[e];
      const int64_t fromNs = edge.side == EdgeFrom::kEnd ? ends[edge.from] : starts[edge.from];
      allowedNs = std::max(allowedNs, fromNs + edge.lagNs);
    }
    const bool host = node.kind == WorkKind::kHostLaunch;
    starts[n] = allowedNs + (host ? scaled(node.gapNs, scale) : node.gapNs);
    ends[n] = starts[n] + scaled(node.durationNs, scale);
    lastNs = std::max(lastNs, ends[n]);
  }
  return lastNs - originNs;
}

CriticalPath criticalPath(const EventGraph& graph) {
  CriticalPath path;
  if (graph.nodes.empty()) return path;
  path.lengthNs = graph.span().lengthNs();
  path.slackNs = slackOf(graph);
  NodeIndex node = 0;
  for (NodeIndex n = 0; n < graph.nodes.size(); ++n) {
    if (graph.nodes[n].endNs() > graph.nodes[node].endNs()) node = n;
  }
  int64_t leaveNs = graph.nodes[node].endNs();  // when the path leaves the node
  while (true) {
    const GraphNode& at = graph.nodes[node];
    const std::optional<GraphEdge> edge = bindingEdge(graph, node);
    const int64_t arriveNs =
        edge ? departure(graph.nodes[edge->from], edge->side) : graph.nodes.front().startNs;
    path.steps.push_back({node, at.startNs - arriveNs, leaveNs - at.startNs});
    if (!edge) break;
    node = edge->from;
    leaveNs = arriveNs;
  }
  std::reverse(path.steps.begin(), path.steps.end());
  return path;
}

}  // namespace caracal::analysis
