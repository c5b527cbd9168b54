#include "core/analysis/collective_summary.h"

#include <algorithm>
#include <map>
#include <utility>

namespace caracal::analysis {
namespace {

struct Collected {
  CollectiveSummary summary;
  std::map<uint32_t, int64_t> lastComers;  // rank index -> calls it came last in
};

std::string groupText(const trace::Trace& trace, uint32_t group) {
  if (group == trace::kNoIndex) return {};
  const trace::ProcessGroup& known = trace.processGroups()[group];
  return known.description.empty() ? known.name : known.description;
}

void add(Collected& collected, const MatchedCollective& call) {
  CollectiveSummary& summary = collected.summary;
  ++summary.calls;
  summary.members = std::max(summary.members, static_cast<int32_t>(call.members.size()));
  summary.bytes += std::max<int64_t>(call.bytes, 0);
  summary.transferNs += call.transferNs;
  for (const CollectiveMember& member : call.members) summary.waitNs += member.waitNs;
  ++collected.lastComers[call.lastRankIndex];
}

void nameLatest(const trace::Trace& trace, Collected& collected) {
  for (const auto& [rankIndex, calls] : collected.lastComers) {
    if (calls <= collected.summary.latestCalls) continue;
    collected.summary.latestCalls = calls;
    collected.summary.latestRank = trace.ranks()[rankIndex].rank;
  }
}

}  // namespace

std::vector<CollectiveSummary> summarizeCollectives(const trace::Trace& trace,
                                                    const CollectiveMatching& matching) {
  std::map<std::pair<trace::CollectiveKind, std::string>, Collected> byGroup;
  for (const MatchedCollective& call : matching.matched) {
    const std::string group = groupText(trace, call.group);
    Collected& collected = byGroup[{call.kind, group}];
    collected.summary.kind = call.kind;
    collected.summary.group = group;
    add(collected, call);
  }
  std::vector<CollectiveSummary> summaries;
  for (auto& [key, collected] : byGroup) {
    nameLatest(trace, collected);
    summaries.push_back(collected.summary);
  }
  std::stable_sort(summaries.begin(), summaries.end(),
                   [](const CollectiveSummary& a, const CollectiveSummary& b) {
                     return a.waitNs + a.transferNs > b.waitNs + b.transferNs;
                   });
  return summaries;
}

}  // namespace caracal::analysis
