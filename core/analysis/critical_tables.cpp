#include "core/analysis/critical_tables.h"

#include <charconv>
#include <cstdlib>

#include "core/analysis/rank_tables.h"
#include "core/analysis/run_graph.h"
#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

std::vector<std::string> notesOf(const TableRequest& request, const RunGraph& graph) {
  std::vector<std::string> notes = clockSentences(request.run.clocks);
  if (graph.inferredWaits > 0) {
    notes.push_back(fmt::format(
        "{} waits of one stream for another are not recorded and were taken from what ended just "
        "before",
        graph.inferredWaits));
  }
  if (graph.graph.droppedEdges > 0) {
    notes.push_back(fmt::format("{} dependencies contradict the recorded times and were left out",
                                graph.graph.droppedEdges));
  }
  return notes;
}

const std::string& trackLabel(const trace::Trace& trace, trace::EventIndex event) {
  return trace.tracks()[trace.trackOf(event)].label;
}

}  // namespace

Result<DataTable> criticalPathTable(const TableRequest& request) {
  CARACAL_TRY(graph, buildRunGraph(request.run, request.comm, request.stop));
  const CriticalPath path = criticalPath(graph.graph, request.stop);
  DataTable table{"critical-path",
                  {{"rank"},
                   {"track"},
                   {"kind"},
                   {"name"},
                   {"startNs", Unit::kTime},
                   {"gapBeforeNs", Unit::kNs},
                   {"workNs", Unit::kNs}},
                  {},
                  notesOf(request, graph)};
  const trace::Trace& trace = request.trace();
  for (const size_t i : trace::placesOf(path.steps, request.stop)) {
    const PathStep& step = path.steps[i];
    const GraphNode& node = graph.graph.nodes[step.node];
    table.rows.push_back({int64_t{trace.ranks()[node.rankIndex].rank},
                          trackLabel(trace, node.event), std::string(name(node.kind)),
                          std::string(trace.name(node.event)), node.startNs, step.gapNs,
                          step.workNs});
  }
  return table;
}

Result<DataTable> criticalKindsTable(const TableRequest& request) {
  CARACAL_TRY(graph, buildRunGraph(request.run, request.comm, request.stop));
  const CriticalPath path = criticalPath(graph.graph, request.stop);
  struct Sum {
    int64_t steps = 0, workNs = 0, gapNs = 0;
  };
  std::array<Sum, kWorkKindCount> sums{};
  for (const size_t i : trace::placesOf(path.steps, request.stop)) {
    const PathStep& step = path.steps[i];
    Sum& sum = sums[static_cast<size_t>(graph.graph.nodes[step.node].kind)];
    ++sum.steps;
    sum.workNs += step.workNs;
    sum.gapNs += step.gapNs;
  }
  DataTable table{"critical-kinds",
                  {{"kind"},
                   {"events"},
                   {"workNs", Unit::kNs},
                   {"workPct", Unit::kPercent},
                   {"gapBeforeNs", Unit::kNs},
                   {"gapBeforePct", Unit::kPercent}},
                  {},
                  notesOf(request, graph)};
  table.notes.push_back(
      "gaps before host-launch are the host's own time between its calls: the training program, "
      "the autograd engine");
  for (size_t kind = 0; kind < kWorkKindCount; ++kind) {
    if (sums[kind].steps == 0) continue;
    table.rows.push_back({std::string(name(static_cast<WorkKind>(kind))), sums[kind].steps,
                          sums[kind].workNs, percentOf(sums[kind].workNs, path.lengthNs),
                          sums[kind].gapNs, percentOf(sums[kind].gapNs, path.lengthNs)});
  }
  return table;
}

Result<DataTable> slackTable(const TableRequest& request) {
  CARACAL_TRY(graph, buildRunGraph(request.run, request.comm, request.stop));
  const CriticalPath path = criticalPath(graph.graph, request.stop);
  DataTable table{"slack",
                  {{"rank"},
                   {"track"},
                   {"kind"},
                   {"name"},
                   {"startNs", Unit::kTime},
                   {"durationNs", Unit::kNs},
                   {"slackNs", Unit::kNs}},
                  {},
                  notesOf(request, graph)};
  if (request.stop.stop_requested()) return table;
  const trace::Trace& trace = request.trace();
  for (const size_t n : trace::placesOf(graph.graph.nodes, request.stop)) {
    const GraphNode& node = graph.graph.nodes[n];
    table.rows.push_back({int64_t{trace.ranks()[node.rankIndex].rank},
                          trackLabel(trace, node.event), std::string(name(node.kind)),
                          std::string(trace.name(node.event)), node.startNs, node.durationNs,
                          path.slackNs[n]});
  }
  return table;
}

Result<WhatIf> parseWhatIf(std::string_view text) {
  const size_t equals = text.find('=');
  WhatIf question;
  const auto kind = workKindFromName(text.substr(0, equals));
  if (equals == std::string_view::npos || !kind) {
    std::string kinds;
    for (size_t i = 0; i < kWorkKindCount; ++i)
      kinds += (i > 0 ? ", " : "") + std::string(name(static_cast<WorkKind>(i)));
    return fail(ErrorCode::kInvalidInput,
                "\"{}\" is no question: write KIND=FACTORx, as send-recv=2x; kinds are {}", text,
                kinds);
  }
  std::string_view factor = text.substr(equals + 1);
  if (factor.ends_with('x')) factor.remove_suffix(1);
  const auto [end, error] =
      std::from_chars(factor.data(), factor.data() + factor.size(), question.speedup);
  const bool whole = error == std::errc{} && end == factor.data() + factor.size();
  if (!whole || !(question.speedup > 0) || question.speedup > 1e6) {
    return fail(ErrorCode::kInvalidInput,
                "\"{}\" is no factor: write how many times faster, above 0, as 2x or 1.5x", factor);
  }
  question.kind = *kind;
  return question;
}

Result<DataTable> whatIfTable(const TableRequest& request, const std::vector<WhatIf>& questions) {
  CARACAL_TRY(graph, buildRunGraph(request.run, request.comm, request.stop));
  DataTable table{"what-if",
                  {{"kind"},
                   {"speedup"},
                   {"beforeNs", Unit::kNs},
                   {"afterNs", Unit::kNs},
                   {"changePct", Unit::kPercent}},
                  {},
                  notesOf(request, graph)};
  table.notes.push_back("a ceiling: gaps that no dependency explains stay as they were");
  const int64_t beforeNs = graph.graph.span(request.stop).lengthNs();
  for (const WhatIf& question : questions) {
    KindScales scales = unscaled();
    scales[static_cast<size_t>(question.kind)] = 1 / question.speedup;
    const int64_t afterNs = replayNs(graph.graph, scales, request.stop);
    const int64_t changeNs = afterNs - beforeNs;
    const bool told = changeNs == 0 || std::abs(changeNs) >= request.run.clocks.resolutionNs;
    if (!told) table.notes.push_back(cannotTell(request.run.clocks.resolutionNs));
    table.rows.push_back({std::string(name(question.kind)), question.speedup, beforeNs,
                          told ? Cell(afterNs) : Cell(),
                          told ? percentOf(changeNs, beforeNs) : Cell()});
  }
  return table;
}

}  // namespace caracal::analysis
