#include "core/analysis/event_graph.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "core/trace/polled_sort.h"

namespace caracal::analysis {
namespace {

using trace::placesOf;

int64_t departure(const GraphNode& from, EdgeFrom side) {
  return side == EdgeFrom::kEnd ? from.endNs() : from.startNs;
}

// Positions of the nodes in time order. What takes no time comes before what begins with it.
std::vector<NodeIndex> timeOrder(const std::vector<GraphNode>& nodes, const std::stop_token& stop) {
  std::vector<NodeIndex> order;
  order.reserve(nodes.size());
  for (const size_t n : placesOf(nodes, stop)) order.push_back(static_cast<NodeIndex>(n));
  const auto startsBefore = [&](NodeIndex a, NodeIndex b) {
    return nodes[a].startNs < nodes[b].startNs;
  };
  trace::polledStableSort(order, startsBefore, stop);
  return order;
}

void placeEdges(std::vector<GraphEdge> edges, const std::vector<NodeIndex>& newIndex,
                const std::stop_token& stop, EventGraph& graph) {
  graph.edges.reserve(edges.size());
  for (const size_t e : placesOf(edges, stop)) {
    GraphEdge edge = edges[e];
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
  const auto byTo = [](const GraphEdge& a, const GraphEdge& b) { return a.to < b.to; };
  if (!trace::polledStableSort(graph.edges, byTo, stop)) return;
  graph.firstEdge.reserve(graph.nodes.size() + 1);
  uint32_t edge = 0;
  for (const size_t n : placesOf(graph.nodes, stop)) {
    graph.firstEdge.push_back(edge);
    while (edge < graph.edges.size() && graph.edges[edge].to == n) ++edge;
  }
  graph.firstEdge.push_back(edge);
}

void computeGaps(EventGraph& graph, const std::stop_token& stop) {
  const int64_t originNs = graph.nodes.empty() ? 0 : graph.nodes.front().startNs;
  for (const size_t n : placesOf(graph.nodes, stop)) {
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

std::vector<int64_t> slackOf(const EventGraph& graph, int64_t lastNs, const std::stop_token& stop) {
  // Latest start and end of each node that leave the whole as it is.
  std::vector<int64_t> latestStart, latestEnd, slack;
  const bool ready = trace::polledResize(latestStart, graph.nodes.size(),
                                         std::numeric_limits<int64_t>::max(), stop) &&
                     trace::polledResize(latestEnd, graph.nodes.size(), lastNs, stop) &&
                     trace::polledResize(slack, graph.nodes.size(), int64_t{0}, stop);
  if (!ready) return slack;
  for (const size_t fromLast : placesOf(graph.nodes, stop)) {
    const size_t i = graph.nodes.size() - 1 - fromLast;
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

Span EventGraph::span(const std::stop_token& stop) const {
  if (nodes.empty()) return {};
  // Sorted by start.
  int64_t lastNs = nodes.front().endNs();
  for (const size_t n : placesOf(nodes, stop)) lastNs = std::max(lastNs, nodes[n].endNs());
  return {nodes.front().startNs, lastNs};
}

EventGraph finishGraph(std::vector<GraphNode> nodes, std::vector<GraphEdge> edges,
                       const std::stop_token& stop) {
  EventGraph graph;
  const std::vector<NodeIndex> order = timeOrder(nodes, stop);
  std::vector<NodeIndex> newIndex;
  if (!trace::polledResize(newIndex, nodes.size(), NodeIndex{0}, stop)) return graph;
  graph.nodes.reserve(nodes.size());
  for (const size_t i : placesOf(order, stop)) {
    newIndex[order[i]] = static_cast<NodeIndex>(i);
    graph.nodes.push_back(nodes[order[i]]);
  }
  if (stop.stop_requested()) return graph;
  placeEdges(std::move(edges), newIndex, stop, graph);
  if (stop.stop_requested()) return graph;
  computeGaps(graph, stop);
  return graph;
}

KindScales unscaled() {
  KindScales scales;
  scales.fill(1);
  return scales;
}

int64_t replayNs(const EventGraph& graph, const KindScales& scales, const std::stop_token& stop) {
  if (graph.nodes.empty()) return 0;
  const int64_t originNs = graph.nodes.front().startNs;
  std::vector<int64_t> starts, ends;
  starts.reserve(graph.nodes.size());
  ends.reserve(graph.nodes.size());
  int64_t lastNs = originNs;
  for (const size_t n : placesOf(graph.nodes, stop)) {
    const GraphNode& node = graph.nodes[n];
    const double scale = scales[static_cast<size_t>(node.kind)];
    int64_t allowedNs = originNs;
    for (uint32_t e = graph.firstEdge[n]; e < graph.firstEdge[n + 1]; ++e) {
      const GraphEdge& edge = graph.edges[e];
      const int64_t fromNs = edge.side == EdgeFrom::kEnd ? ends[edge.from] : starts[edge.from];
      allowedNs = std::max(allowedNs, fromNs + edge.lagNs);
    }
    const bool host = node.kind == WorkKind::kHostLaunch;
    starts.push_back(allowedNs + (host ? scaled(node.gapNs, scale) : node.gapNs));
    ends.push_back(starts.back() + scaled(node.durationNs, scale));
    lastNs = std::max(lastNs, ends.back());
  }
  return lastNs - originNs;
}

CriticalPath criticalPath(const EventGraph& graph, const std::stop_token& stop) {
  CriticalPath path;
  if (graph.nodes.empty()) return path;
  const Span whole = graph.span(stop);
  path.lengthNs = whole.lengthNs();
  path.slackNs = slackOf(graph, whole.endNs, stop);
  NodeIndex node = 0;
  for (const size_t n : placesOf(graph.nodes, stop)) {
    if (graph.nodes[n].endNs() > graph.nodes[node].endNs()) node = static_cast<NodeIndex>(n);
  }
  if (stop.stop_requested()) return path;
  int64_t leaveNs = graph.nodes[node].endNs();  // when the path leaves the node
  // At most once through each node: every edge leads to a later one.
  for ([[maybe_unused]] const size_t step : placesOf(graph.nodes, stop)) {
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
