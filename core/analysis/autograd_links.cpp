#include "core/analysis/autograd_links.h"

#include <algorithm>

#include "core/trace/polled_sort.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::Trace;
using trace::Track;

constexpr std::string_view kEngine = "autograd::engine::evaluate_function";

std::vector<bool> engineNames(const Trace& trace) {
  std::vector<bool> isEngine;
  for (trace::NameId id = 0; id < trace.names().size(); ++id)
    isEngine.push_back(trace.names()[id].starts_with(kEngine));
  return isEngine;
}

// Backward operators do not nest in one another, so the last one that began before decides.
bool runsInBackward(const Autograd& autograd, const OperatorSpan& op) {
  auto after = std::partition_point(
      autograd.operators.begin(), autograd.operators.end(),
      [&](const OperatorSpan& o) { return o.span.beginNs <= op.span.beginNs; });
  while (after != autograd.operators.begin()) {
    --after;
    if (after->thread == op.thread) return op.span.endNs <= after->span.endNs;
  }
  return false;
}

}  // namespace

std::vector<Autograd> findAutograd(const Trace& trace, const std::stop_token& stop) {
  std::vector<Autograd> found(trace.ranks().size());
  const std::vector<bool> isEngine = engineNames(trace);
  for (const Track& track : trace.tracks()) {
    if (stop.stop_requested()) return found;
    if (track.kind != trace::TrackKind::kCpuThread) continue;
    Autograd& autograd = found[track.rank];
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      if (isEngine[trace.nameId(e)]) autograd.operators.push_back({track.id, trace.span(e)});
    }
  }
  const auto byBegin = [](const OperatorSpan& a, const OperatorSpan& b) {
    return a.span.beginNs < b.span.beginNs;
  };
  for (Autograd& autograd : found) {
    if (!trace::polledStableSort(autograd.operators, byBegin, stop)) return found;
    for (const OperatorSpan& op : autograd.operators) autograd.threads.insert(op.thread);
  }
  for (const size_t i : trace::placesOf(trace.flows(), stop)) {
    const trace::Flow& flow = trace.flows()[i];
    if (flow.kind != trace::FlowKind::kForwardBackward) continue;
    const Track& from = trace.tracks()[trace.trackOf(flow.from)];
    const Track& to = trace.tracks()[trace.trackOf(flow.to)];
    Autograd& autograd = found[from.rank];
    const OperatorSpan forward{from.id, trace.span(flow.from)};
    autograd.threads.insert(to.id);
    if (!runsInBackward(autograd, forward))
      autograd.links.push_back({forward, {to.id, trace.span(flow.to)}});
  }
  for (Autograd& autograd : found) {
    const auto byForward = [&](const AutogradLink& a, const AutogradLink& b) {
      return byBegin(a.forward, b.forward);
    };
    if (!trace::polledStableSort(autograd.links, byForward, stop)) return found;
  }
  return found;
}

}  // namespace caracal::analysis
