#include "core/analysis/transfers.h"

#include <algorithm>
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

void matchSides(const Trace& trace, Sides& sides, TransferMatching& result) {
  sortByBegin(trace, sides.sends);
  sortByBegin(trace, sides.receives);
  const bool moreSends = sides.sends.size() > sides.receives.size();
  auto& longer = moreSends ? sides.sends : sides.receives;
  const auto& shorter = moreSends ? sides.receives : sides.sends;
  result.unmatchedEvents += static_cast<int64_t>(longer.size() - shorter.size());
  if (shorter.empty()) return;
  const size_t offset = bestOffset(trace, longer, shorter);
  longer.erase(longer.begin(), longer.begin() + static_cast<std::ptrdiff_t>(offset));
  for (size_t i = 0; i < shorter.size(); ++i) {
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

TransferMatching matchTransfers(const Trace& trace, const CommNames& comm,
                                const std::stop_token& stop) {
  CommKernelFilter filter(trace, comm);
  const Recordings recordings = findRecordings(trace);
  std::map<TransferKey, Sides> byKey;
  for (const trace::Track& track : trace.tracks()) {
    if (stop.stop_requested()) break;
    for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
      if (trace.kind(e) != EventKind::kComm && !filter.isCommKernel(e)) continue;
      const auto key = keyOf(trace, track, e, recordings.recordingOfRank[track.rank]);
      if (!key) continue;
      Sides& sides = byKey[*key];
      const bool sends = transferSide(trace, e) == TransferSide::kSend;
      (sends ? sides.sends : sides.receives).push_back(e);
    }
  }
  TransferMatching result;
  for (auto& [key, sides] : byKey) matchSides(trace, sides, result);
  std::sort(result.matched.begin(), result.matched.end(),
            [&](const MatchedTransfer& a, const MatchedTransfer& b) {
              return trace.endNs(a.receive) < trace.endNs(b.receive);
            });
  return result;
}

}  // namespace caracal::analysis
