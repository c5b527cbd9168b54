#include "core/analysis/stage_chain.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/analysis/transfers.h"
#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

using trace::EventIndex;
using trace::Trace;
using trace::Track;

using Neighbours = std::map<int32_t, std::set<int32_t>>;  // by rank number

struct Messages {
  Neighbours neighbours;
  bool unnamedPeers = false;
};

Messages messagesOf(const Trace& trace, const CommNames& comm, const std::stop_token& stop) {
  Messages messages;
  PointToPoint pointToPoint(trace, comm, stop);
  for (const Track& track : trace.tracks()) {
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      if (!pointToPoint.is(e)) continue;
      const auto args = trace.args(e);
      const int32_t own = trace.ranks()[track.rank].rank;
      if (!args || args->peer < 0 || args->peer == own) {
        messages.unnamedPeers = true;
      } else {
        messages.neighbours[own].insert(args->peer);
        messages.neighbours[args->peer].insert(own);
      }
    }
  }
  return messages;
}

// The ranks of the chain that `rank` is in, from one end to the other; empty: it is no chain.
std::vector<int32_t> chainOf(const Neighbours& neighbours, int32_t rank) {
  std::set<int32_t> members{rank};
  std::vector<int32_t> open{rank};
  int32_t end = -1;
  while (!open.empty()) {
    const int32_t at = open.back();
    open.pop_back();
    const std::set<int32_t>& next = neighbours.at(at);
    if (next.size() > 2) return {};
    if (next.size() == 1) end = at;
    for (const int32_t other : next) {
      if (members.insert(other).second) open.push_back(other);
    }
  }
  if (end < 0) return {};  // a ring
  std::vector<int32_t> chain{end};
  while (chain.size() < members.size()) {
    for (const int32_t other : neighbours.at(chain.back())) {
      if (chain.size() < 2 || other != chain[chain.size() - 2]) {
        chain.push_back(other);
        break;
      }
    }
  }
  return chain;
}

}  // namespace

Result<std::vector<int32_t>> stagesByTraffic(const Trace& trace, const CommNames& comm,
                                             const std::vector<int64_t>& firstForwardNs,
                                             const std::stop_token& stop) {
  const Messages messages = messagesOf(trace, comm, stop);
  std::vector<int32_t> stages(trace.ranks().size(), -1);
  std::map<int32_t, uint32_t> indexOf;
  for (uint32_t index = 0; index < trace.ranks().size(); ++index)
    indexOf[trace.ranks()[index].rank] = index;
  const auto cannot = [](std::string_view why) {
    return fail(ErrorCode::kCannotAnswer,
                "which stage each rank holds cannot be told: {}; state it with --hint", why);
  };
  if (messages.unnamedPeers)
    return cannot("there are sends and receives whose other side is not recorded");
  for (uint32_t index = 0; index < stages.size(); ++index) {
    if (firstForwardNs[index] < 0 || stages[index] >= 0) continue;
    if (messages.neighbours.empty()) {
      stages[index] = 0;
      continue;
    }
    if (messages.neighbours.count(trace.ranks()[index].rank) == 0)
      return cannot("some ranks exchange messages and others do not");
    std::vector<int32_t> chain = chainOf(messages.neighbours, trace.ranks()[index].rank);
    if (chain.empty()) return cannot("ranks that exchange messages form no chain");
    for (const int32_t rank : chain) {
      if (indexOf.count(rank) == 0 || firstForwardNs[indexOf[rank]] < 0)
        return cannot("not all ranks of the pipeline are in the trace with their passes");
    }
    const auto startOf = [&](int32_t rank) { return firstForwardNs[indexOf[rank]]; };
    if (startOf(chain.back()) < startOf(chain.front())) std::reverse(chain.begin(), chain.end());
    for (size_t stage = 0; stage < chain.size(); ++stage)
      stages[indexOf[chain[stage]]] = static_cast<int32_t>(stage);
  }
  return stages;
}

}  // namespace caracal::analysis
