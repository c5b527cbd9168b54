// addHandOffs() of run_draft.h.
#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "core/analysis/autograd_links.h"
#include "core/analysis/run_draft.h"
#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::Trace;
using trace::Track;

using CallsOfThreads = std::map<int64_t, std::vector<EventIndex>>;  // by thread, in time order

std::vector<CallsOfThreads> callsOfRanks(const RunDraft& draft, const std::stop_token& stop) {
  std::vector<CallsOfThreads> calls(draft.trace.ranks().size());
  for (const Track& track : draft.trace.tracks()) {
    if (track.kind != trace::TrackKind::kCpuThread || !draft.chosen[track.rank]) continue;
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      if (draft.isCall(e)) calls[track.rank][track.id].push_back(e);
    }
  }
  return calls;
}

// The thread from which most links lead; nothing where that one runs backward operators itself.
std::optional<int64_t> askingThread(const Autograd& autograd) {
  std::map<int64_t, int64_t> links;
  for (const AutogradLink& link : autograd.links) ++links[link.forward.thread];
  const auto most = std::max_element(
      links.begin(), links.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == links.end() || autograd.threads.count(most->first) > 0) return std::nullopt;
  return most->first;
}

// Both lists are one thread's calls in time order: a run of `working` calls between two `asking`
// ones is work that the asking thread waited for.
void addRuns(const std::vector<EventIndex>& asking, const std::vector<EventIndex>& working,
             RunDraft& draft) {
  const Trace& trace = draft.trace;
  const auto follow = [&](EventIndex first, EventIndex then) {
    if (trace.endNs(first) <= trace.beginNs(then))
      draft.graph.follow(draft.places[first], draft.places[then]);
  };
  auto next = asking.begin();
  for (auto first = working.begin(); first != working.end();) {
    while (next != asking.end() && trace.beginNs(*next) < trace.beginNs(*first)) ++next;
    auto end = first + 1;
    while (end != working.end() &&
           (next == asking.end() || trace.beginNs(*end) < trace.beginNs(*next)))
      ++end;
    if (next != asking.begin()) follow(*std::prev(next), *first);
    if (next != asking.end()) follow(*std::prev(end), *next);
    first = end;
  }
}

}  // namespace

void addHandOffs(RunDraft& draft, const std::stop_token& stop) {
  const std::vector<Autograd> autograd = findAutograd(draft.trace, stop);
  const std::vector<CallsOfThreads> calls = callsOfRanks(draft, stop);
  for (size_t rank = 0; rank < calls.size() && !stop.stop_requested(); ++rank) {
    const auto thread = askingThread(autograd[rank]);
    const auto asking = thread ? calls[rank].find(*thread) : calls[rank].end();
    if (asking == calls[rank].end()) continue;
    for (const int64_t working : autograd[rank].threads) {
      const auto found = calls[rank].find(working);
      if (found != calls[rank].end()) addRuns(asking->second, found->second, draft);
    }
  }
}

}  // namespace caracal::analysis
