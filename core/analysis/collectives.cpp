#include "core/analysis/collectives.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "core/analysis/call_alignment.h"
#include "core/analysis/lanes.h"
#include "core/analysis/profiler_steps.h"
#include "core/analysis/recordings.h"

namespace caracal::analysis {
namespace {

using trace::CollectiveKind;
using trace::EventIndex;
using trace::EventKind;
using trace::kNoIndex;
using trace::Trace;

// A process group of the trace, or the neighbours that a schedule's lane implies.
struct GroupKey {
  uint32_t recording = 0;
  uint32_t group = kNoIndex;
  Lane lane = Lane::kNone;
  int32_t stage = -1;
  int32_t index = -1;  // of the replica (tensor lanes) or of the tensor rank (data lanes)
  auto tie() const { return std::tie(recording, group, lane, stage, index); }
  bool operator<(const GroupKey& other) const { return tie() < other.tie(); }
};

struct CallKey {
  GroupKey group;
  CollectiveKind kind = CollectiveKind::kNone;
  int32_t step = -1;
  int64_t sequence = -1;
  auto tie() const { return std::tie(group, kind, step, sequence); }
  bool operator<(const CallKey& other) const { return tie() < other.tie(); }
};

using CallsOfRank = std::map<uint32_t, std::vector<EventIndex>>;  // each list in time order

GroupKey groupOf(const Trace& trace, const trace::Track& track,
                 const std::optional<trace::EventArgs>& args, uint32_t recording) {
  if (args && args->group != kNoIndex) return {.recording = recording, .group = args->group};
  const trace::Rank& rank = trace.ranks()[track.rank];
  const Lane lane = laneOf(track);
  if (rank.stage < 0 || (lane != Lane::kTensor && lane != Lane::kData))
    return {.recording = recording};
  return {recording, kNoIndex, lane, rank.stage,
          lane == Lane::kTensor ? rank.dataIndex : rank.tensorIndex};
}

// A tracer's collective that names neither its group nor its number could belong to anybody.
bool isAnonymous(EventKind kind, const std::optional<trace::EventArgs>& args) {
  return kind == EventKind::kComm && (!args || (args->group == kNoIndex && args->sequence < 0));
}

// kNone for what is not a collective.
CollectiveKind kindOf(const Trace& trace, EventIndex event, CommKernelFilter& filter) {
  const bool kernel = filter.isCommKernel(event);
  if (!kernel && trace.kind(event) != EventKind::kComm) return CollectiveKind::kNone;
  const auto args = trace.args(event);
  CollectiveKind kind = args ? args->collective : CollectiveKind::kNone;
  if (kind == CollectiveKind::kNone && kernel) kind = collectiveOfKernel(trace.name(event));
  switch (kind) {
    case CollectiveKind::kSend:
    case CollectiveKind::kRecv:
    case CollectiveKind::kSendRecv:
    case CollectiveKind::kWait:
      return CollectiveKind::kNone;
    default:
      return kind;
  }
}

struct Calls {
  std::map<CallKey, CallsOfRank> byKey;
  std::map<std::pair<GroupKey, CollectiveKind>, std::set<uint32_t>> ranks;  // that ever call it
  int64_t anonymous = 0;
};

Calls collectCalls(const Trace& trace, const CommNames& comm, const std::stop_token& stop) {
  Calls calls;
  CommKernelFilter filter(trace, comm);
  const ProfilerSteps steps(trace, stop);
  const Recordings recordings = findRecordings(trace, stop);
  for (const trace::Track& track : trace.tracks()) {
    if (stop.stop_requested()) break;
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      const CollectiveKind kind = kindOf(trace, e, filter);
      if (kind == CollectiveKind::kNone) continue;
      const auto args = trace.args(e);
      if (isAnonymous(trace.kind(e), args)) {
        ++calls.anonymous;
        continue;
      }
      CallKey key{groupOf(trace, track, args, recordings.recordingOfRank[track.rank]), kind, -1,
                  args ? args->sequence : -1};
      // A kernel's step is that of its launch, whatever pass it belongs to.
      if (trace.kind(e) == EventKind::kComm && args && args->step >= 0) key.step = args->step;
      // A sequence number needs no step, and a kernel launched near a step's edge could spoil it.
      else if (key.sequence < 0)
        key.step = steps.stepOf(track.rank, e);
      calls.byKey[key][track.rank].push_back(e);
      calls.ranks[{key.group, kind}].insert(track.rank);
    }
  }
  for (auto& [key, ofRank] : calls.byKey) {
    for (auto& [rank, events] : ofRank) {
      if (!sortByBegin(trace, events, stop)) return calls;
    }
  }
  return calls;
}

MatchedCollective makeMatch(const Trace& trace, const CallKey& key,
                            const std::vector<std::pair<uint32_t, EventIndex>>& calls) {
  MatchedCollective match{.kind = key.kind, .group = key.group.group, .step = key.step};
  int64_t lastStart = std::numeric_limits<int64_t>::min();
  int64_t previousStart = lastStart;
  int64_t firstEnd = std::numeric_limits<int64_t>::max();
  for (const auto& [rank, event] : calls) {
    if (trace.beginNs(event) > lastStart) {
      previousStart = lastStart;
      lastStart = trace.beginNs(event);
      match.lastRankIndex = rank;
    } else {
      previousStart = std::max(previousStart, trace.beginNs(event));
    }
    firstEnd = std::min(firstEnd, trace.endNs(event));
    if (const auto args = trace.args(event)) match.bytes = std::max(match.bytes, args->bytes);
  }
  match.lastStartNs = lastStart;
  match.marginNs = lastStart - previousStart;
  match.transferNs = std::max<int64_t>(0, firstEnd - lastStart);
  for (const auto& [rank, event] : calls) {
    match.members.push_back({rank, event, lastStart - trace.beginNs(event)});
  }
  return match;
}

bool overlapsOnAllMembers(const Trace& trace, const MatchedCollective& match) {
  return std::all_of(
      match.members.begin(), match.members.end(), [&](const CollectiveMember& member) {
        return trace.endNs(member.event) + trace.ranks()[member.rankIndex].resolutionNs >=
               match.lastStartNs;
      });
}

// Whether members may lie apart: then only lists of equal length are trusted.
bool isTrusted(const CallsOfRank& ofRank, size_t shortest, MatchOrder order) {
  return order == MatchOrder::kOverlapping ||
         std::all_of(ofRank.begin(), ofRank.end(),
                     [&](const auto& calls) { return calls.second.size() == shortest; });
}

void matchOneKey(const Trace& trace, const CallKey& key, const CallsOfRank& ofRank,
                 MatchOrder order, const std::stop_token& stop, CollectiveMatching& result) {
  const auto shortest = std::min_element(
      ofRank.begin(), ofRank.end(),
      [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  const std::vector<EventIndex>& reference = shortest->second;
  if (key.sequence < 0 && !isTrusted(ofRank, reference.size(), order)) return;
  std::map<uint32_t, size_t> offsets;
  for (const auto& [rank, calls] : ofRank) {
    offsets[rank] = bestOffset(trace, calls, reference, stop);
    result.unmatchedEvents += static_cast<int64_t>(calls.size() - reference.size());
  }
  int64_t ordinal = 0;
  for (const size_t i : trace::placesOf(reference, stop)) {
    std::vector<std::pair<uint32_t, EventIndex>> calls;
    for (const auto& [rank, events] : ofRank) calls.emplace_back(rank, events[offsets[rank] + i]);
    MatchedCollective match = makeMatch(trace, key, calls);
    if (key.sequence < 0 && order == MatchOrder::kOverlapping &&
        !overlapsOnAllMembers(trace, match)) {
      result.unmatchedEvents += static_cast<int64_t>(calls.size());
      continue;
    }
    match.ordinal = key.sequence >= 0 ? key.sequence : ordinal++;
    result.matched.push_back(std::move(match));
  }
}

}  // namespace

CollectiveMatching matchCollectives(const Trace& trace, const CommNames& comm, MatchOrder order,
                                    const std::stop_token& stop) {
  const Calls calls = collectCalls(trace, comm, stop);
  CollectiveMatching result;
  result.unmatchedEvents = calls.anonymous;
  for (const auto& [key, ofRank] : calls.byKey) {
    if (stop.stop_requested()) return result;
    const std::set<uint32_t>& expected = calls.ranks.at({key.group, key.kind});
    if (expected.size() < 2 || ofRank.size() < expected.size()) {
      for (const auto& [rank, events] : ofRank) {
        result.unmatchedEvents += static_cast<int64_t>(events.size());
      }
      continue;
    }
    matchOneKey(trace, key, ofRank, order, stop, result);
  }
  const auto byLastStart = [](const MatchedCollective& a, const MatchedCollective& b) {
    return a.lastStartNs < b.lastStartNs;
  };
  trace::polledStableSort(result.matched, byLastStart, stop);
  return result;
}

}  // namespace caracal::analysis
