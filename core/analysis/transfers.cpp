#include "core/analysis/transfers.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <tuple>

#include "core/analysis/call_alignment.h"
#include "core/analysis/lanes.h"
#include "core/analysis/recordings.h"

namespace caracal::analysis {
namespace {

using trace::CollectiveKind;
using trace::EventIndex;
using trace::EventKind;
using trace::Trace;

struct TransferKey {
  uint32_t recording = 0;
  int32_t from = -1;  // rank numbers
  int32_t to = -1;
  TransferDirection direction = TransferDirection::kNone;
  int32_t step = -1;
  int32_t microBatch = -1;
  auto tie() const { return std::tie(recording, from, to, direction, step, microBatch); }
  bool operator<(const TransferKey& other) const { return tie() < other.tie(); }
};

struct Sides {
  std::vector<EventIndex> sends, receives;
};

// The key of a send or receive with a known peer.
std::optional<TransferKey> keyOf(const Trace& trace, const trace::Track& track, EventIndex e,
                                 uint32_t recording) {
  const auto args = trace.args(e);
  const TransferSide side = transferSide(trace, e);
  if (side == TransferSide::kNone || !args || args->peer < 0) return std::nullopt;
  const bool sends = side == TransferSide::kSend;
  const trace::Rank& rank = trace.ranks()[track.rank];
  const int32_t own = rank.claimedRank >= 0 ? rank.claimedRank : rank.rank;
  return TransferKey{
      recording,  sends ? own : args->peer, sends ? args->peer : own, directionOf(trace.name(e)),
      args->step, args->microBatch};
}

void matchSides(const Trace& trace, Sides& sides, const std::stop_token& stop,
                TransferMatching& result) {
  if (!sortByBegin(trace, sides.sends, stop) || !sortByBegin(trace, sides.receives, stop)) return;
  const bool moreSends = sides.sends.size() > sides.receives.size();
  auto& longer = moreSends ? sides.sends : sides.receives;
  const auto& shorter = moreSends ? sides.receives : sides.sends;
  result.unmatchedEvents += static_cast<int64_t>(longer.size() - shorter.size());
  if (shorter.empty()) return;
  const size_t offset = bestOffset(trace, longer, shorter, stop);
  longer.erase(longer.begin(), longer.begin() + static_cast<std::ptrdiff_t>(offset));
  for (const size_t i : trace::placesOf(shorter, stop)) {
    const EventIndex send = sides.sends[i];
    const EventIndex receive = sides.receives[i];
    result.matched.push_back({send, receive, trace.tracks()[trace.trackOf(send)].rank,
                              trace.tracks()[trace.trackOf(receive)].rank});
  }
}

}  // namespace

TransferSide transferSide(const Trace& trace, EventIndex event) {
  const auto args = trace.args(event);
  if (args && args->collective == CollectiveKind::kSend) return TransferSide::kSend;
  if (args && args->collective == CollectiveKind::kRecv) return TransferSide::kReceive;
  const std::string_view name = trace.name(event);
  if (trace.kind(event) != EventKind::kComm || directionOf(name) == TransferDirection::kNone)
    return TransferSide::kNone;
  if (isReceive(name)) return TransferSide::kReceive;
  return name.starts_with("send.") ? TransferSide::kSend : TransferSide::kNone;
}

PointToPoint::PointToPoint(const Trace& trace, const CommNames& comm, const std::stop_token& stop)
    : m_trace(trace), m_filter(trace, comm) {
  constexpr std::string_view kExchange = "nccl:all_to_all";
  std::vector<bool> isExchange;
  for (trace::NameId id = 0; id < trace.names().size(); ++id)
    isExchange.push_back(trace.names()[id].starts_with(kExchange));
  for (const trace::Track& track : trace.tracks()) {
    if (track.kind != trace::TrackKind::kCpuThread) continue;
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      if (isExchange[trace.nameId(e)]) m_exchanges[{track.rank, track.id}].push_back(trace.span(e));
    }
  }
  for (auto& [thread, spans] : m_exchanges) {
    std::sort(spans.begin(), spans.end(),
              [](const Span& a, const Span& b) { return a.beginNs < b.beginNs; });
  }
}

bool PointToPoint::isLaunchedInExchange(EventIndex event) const {
  const EventIndex launch = m_trace.launch(event);
  if (launch == trace::kNoIndex) {
    const uint32_t rank = m_trace.tracks()[m_trace.trackOf(event)].rank;
    return m_exchanges.lower_bound({rank, std::numeric_limits<int64_t>::min()}) !=
           m_exchanges.lower_bound({rank + 1, std::numeric_limits<int64_t>::min()});
  }
  const trace::Track& track = m_trace.tracks()[m_trace.trackOf(launch)];
  const auto spans = m_exchanges.find({track.rank, track.id});
  if (spans == m_exchanges.end()) return false;
  const int64_t timeNs = m_trace.beginNs(launch);
  const auto after = std::partition_point(spans->second.begin(), spans->second.end(),
                                          [&](const Span& span) { return span.beginNs <= timeNs; });
  return after != spans->second.begin() && timeNs < std::prev(after)->endNs;
}

bool PointToPoint::is(EventIndex event) {
  if (!m_filter.isCommKernel(event)) return false;
  const auto args = m_trace.args(event);
  const bool stated = args && args->collective != CollectiveKind::kNone;
  switch (stated ? args->collective : collectiveOfKernel(m_trace.name(event))) {
    case CollectiveKind::kSend:
    case CollectiveKind::kRecv:
      return true;
    case CollectiveKind::kSendRecv:
      return !isLaunchedInExchange(event);
    default:
      return false;
  }
}

TransferMatching matchTransfers(const Trace& trace, const CommNames& comm,
                                const std::stop_token& stop) {
  CommKernelFilter filter(trace, comm);
  const Recordings recordings = findRecordings(trace, stop);
  std::map<TransferKey, Sides> byKey;
  for (const trace::Track& track : trace.tracks()) {
    if (stop.stop_requested()) break;
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      if (trace.kind(e) != EventKind::kComm && !filter.isCommKernel(e)) continue;
      const auto key = keyOf(trace, track, e, recordings.recordingOfRank[track.rank]);
      if (!key) continue;
      Sides& sides = byKey[*key];
      const bool sends = transferSide(trace, e) == TransferSide::kSend;
      (sends ? sides.sends : sides.receives).push_back(e);
    }
  }
  TransferMatching result;
  for (auto& [key, sides] : byKey) {
    if (stop.stop_requested()) return result;
    matchSides(trace, sides, stop, result);
  }
  const auto byEnd = [&](const MatchedTransfer& a, const MatchedTransfer& b) {
    return trace.endNs(a.receive) < trace.endNs(b.receive);
  };
  trace::polledStableSort(result.matched, byEnd, stop);
  return result;
}

}  // namespace caracal::analysis
