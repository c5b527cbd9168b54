#include "core/analysis/collective_summary.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

struct Collected {
  CollectiveSummary summary;
  int64_t timedBytes = 0;  // of the calls behind the bandwidths
  int64_t timedNs = 0;
  double timedBusBytes = 0;
  std::map<uint32_t, int64_t> lastComers;  // rank index -> calls it came last in
};

std::string groupText(const trace::Trace& trace, uint32_t group) {
  if (group == trace::kNoIndex) return {};
  const trace::ProcessGroup& known = trace.processGroups()[group];
  return known.description.empty() ? known.name : known.description;
}

void addBandwidth(Collected& collected, const MatchedCollective& call, int64_t resolutionNs) {
  const int64_t bytes = sizeOf(call);
  const double factor = busFactor(call.kind, static_cast<int32_t>(call.members.size()));
  if (bytes <= 0 || factor <= 0 || call.transferNs <= resolutionNs) return;
  collected.timedBytes += bytes;
  collected.timedNs += call.transferNs;
  collected.timedBusBytes += factor * static_cast<double>(bytes);
}

void add(Collected& collected, const MatchedCollective& call, int64_t resolutionNs) {
  CollectiveSummary& summary = collected.summary;
  ++summary.calls;
  summary.members = std::max(summary.members, static_cast<int32_t>(call.members.size()));
  summary.bytes += std::max<int64_t>(call.bytes, 0);
  summary.transferNs += call.transferNs;
  for (const CollectiveMember& member : call.members) summary.waitNs += member.waitNs;
  if (call.marginNs >= resolutionNs) {
    ++collected.lastComers[call.lastRankIndex];
  } else {
    ++summary.untoldCalls;
  }
  addBandwidth(collected, call, resolutionNs);
}

// Bytes per nanosecond are GB/s.
void setBandwidth(Collected& collected) {
  if (collected.timedNs == 0) return;
  const auto ns = static_cast<double>(collected.timedNs);
  collected.summary.algorithmGBps = static_cast<double>(collected.timedBytes) / ns;
  collected.summary.busGBps = collected.timedBusBytes / ns;
}

void nameLatest(const trace::Trace& trace, Collected& collected) {
  for (const auto& [rankIndex, calls] : collected.lastComers) {
    if (calls <= collected.summary.latestCalls) continue;
    collected.summary.latestCalls = calls;
    collected.summary.latestRank = trace.ranks()[rankIndex].rank;
  }
}

}  // namespace

double busFactor(trace::CollectiveKind kind, int32_t members) {
  using trace::CollectiveKind;
  const double share = members > 0 ? (members - 1.0) / members : 0;
  switch (kind) {
    case CollectiveKind::kAllReduce:
      return 2 * share;
    case CollectiveKind::kAllGather:
    case CollectiveKind::kReduceScatter:
    case CollectiveKind::kAllToAll:
      return share;
    case CollectiveKind::kBroadcast:
    case CollectiveKind::kReduce:
      return 1;
    default:
      return 0;
  }
}

int64_t sizeOf(const MatchedCollective& call) {
  if (call.bytes <= 0) return -1;
  if (call.kind != trace::CollectiveKind::kAllGather) return call.bytes;
  return call.bytes * static_cast<int64_t>(call.members.size());
}

std::vector<CollectiveSummary> summarizeCollectives(const trace::Trace& trace,
                                                    const CollectiveMatching& matching,
                                                    int64_t resolutionNs,
                                                    const std::stop_token& stop) {
  std::map<std::pair<trace::CollectiveKind, std::string>, Collected> byGroup;
  for (const size_t i : trace::placesOf(matching.matched, stop)) {
    const MatchedCollective& call = matching.matched[i];
    const std::string group = groupText(trace, call.group);
    Collected& collected = byGroup[{call.kind, group}];
    collected.summary.kind = call.kind;
    collected.summary.group = group;
    add(collected, call, resolutionNs);
  }
  std::vector<CollectiveSummary> summaries;
  for (auto& [key, collected] : byGroup) {
    nameLatest(trace, collected);
    setBandwidth(collected);
    summaries.push_back(collected.summary);
  }
  std::stable_sort(summaries.begin(), summaries.end(),
                   [](const CollectiveSummary& a, const CollectiveSummary& b) {
                     return a.waitNs + a.transferNs > b.waitNs + b.transferNs;
                   });
  return summaries;
}

}  // namespace caracal::analysis
