#include "core/analysis/group_roles.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <string>
#include <utility>

#include "core/trace/polled_range.h"

namespace caracal::analysis {
namespace {

using trace::CollectiveKind;
using trace::EventIndex;
using trace::kNoIndex;
using trace::Pass;
using trace::Trace;
using trace::Track;

constexpr const char* kByDescription = "its description";
constexpr int64_t kLeastReductionBytes = int64_t{64} << 10;

// Calls of one group, by where they were launched.
struct Traffic {
  struct Counts {
    int64_t allReduces = 0, gathers = 0, scatters = 0;
  };
  Counts forward, backward, outside;
  int64_t largestReduction = -1;  // bytes, outside of forward passes
  std::set<uint32_t> ranks;
};

// Forward and backward passes of each rank: how many different ones launched GPU work.
struct PassCounts {
  int64_t forward = 0, backward = 0;
};

void count(Traffic& traffic, CollectiveKind kind, Pass pass, int64_t bytes) {
  Traffic::Counts& counts = pass == Pass::kForward    ? traffic.forward
                            : pass == Pass::kBackward ? traffic.backward
                                                      : traffic.outside;
  if (kind == CollectiveKind::kAllReduce) ++counts.allReduces;
  if (kind == CollectiveKind::kAllGather) ++counts.gathers;
  if (kind == CollectiveKind::kReduceScatter) ++counts.scatters;
  const bool reduces = kind == CollectiveKind::kAllReduce || kind == CollectiveKind::kReduceScatter;
  if (reduces && pass != Pass::kForward)
    traffic.largestReduction = std::max(traffic.largestReduction, bytes);
}

GroupFinding findingOf(const Traffic& traffic, const std::vector<PassCounts>& passes) {
  PassCounts all;
  for (const uint32_t rank : traffic.ranks) {
    all.forward += passes[rank].forward;
    all.backward += passes[rank].backward;
  }
  if (all.forward == 0 || all.backward == 0) return {};
  const Traffic::Counts& f = traffic.forward;
  const Traffic::Counts& b = traffic.backward;
  if (f.allReduces >= 2 * all.forward && b.allReduces >= 2 * all.backward) {
    return {GroupRole::kTensor,
            fmt::format("its traffic: {} all-reduces in forward and {} in backward passes",
                        f.allReduces, b.allReduces)};
  }
  if (f.gathers >= 2 * all.forward && f.scatters >= 2 * all.forward && b.gathers >= all.backward &&
      b.scatters >= 2 * all.backward) {
    return {GroupRole::kTensor,
            "its traffic: all-gathers and reduce-scatters in forward and backward passes"};
  }
  const bool forwardReduces = f.allReduces > 0 || f.scatters > 0;
  if (!forwardReduces && traffic.largestReduction >= kLeastReductionBytes) {
    return {GroupRole::kData,
            fmt::format("its traffic: reduces up to {} bytes in or behind backward "
                        "passes, nothing in forward",
                        traffic.largestReduction)};
  }
  return {};
}

// The data-parallel groups that say by their description what they are, by part.
class DataGroups {
 public:
  static constexpr size_t kNone = std::numeric_limits<size_t>::max();

  // `group`: kNone for one that the rank is not known to be in.
  void add(DataPart part, size_t group, int32_t size) {
    Part& known = m_parts[static_cast<size_t>(part)];
    known.several = known.several || size > 1;
    if (known.first == kNone) known.first = group;
    m_any = m_any || size > 1;
  }
  size_t first(DataPart part) const { return m_parts[static_cast<size_t>(part)].first; }
  // Whether the run has groups of this part with more than one rank.
  bool hasSeveral(DataPart part) const { return m_parts[static_cast<size_t>(part)].several; }
  bool any() const { return m_any; }

 private:
  struct Part {
    size_t first = kNone;
    bool several = false;
  };
  std::array<Part, 4> m_parts;
  bool m_any = false;
};

GroupRoles::Place combined(const GroupRoles::Place& replica, const GroupRoles::Place& shard) {
  return {replica.index * shard.size + shard.index,
          replica.size * shard.size,
          "places in its groups of replicas and of shards, known by their descriptions",
          {}};
}

}  // namespace

std::string_view name(GroupRole role) {
  static constexpr std::array<std::string_view, 6> kNames{"unknown", "tensor",  "pipeline",
                                                          "data",    "context", "expert"};
  return kNames[static_cast<size_t>(role)];
}

GroupRoles::GroupRoles(const Trace& trace, const CommNames& comm, const std::stop_token& stop)
    : GroupRoles(
          trace, comm,
          [&trace](EventIndex e) {
            const auto args = trace.args(e);
            return args ? args->pass : Pass::kNone;
          },
          stop) {}

GroupRoles::GroupRoles(const Trace& trace, const CommNames& comm, const PassOfEvent& passOf,
                       const std::stop_token& stop)
    : m_trace(trace), m_findings(trace.processGroups().size() + 1) {
  for (size_t group = 0; group < trace.processGroups().size(); ++group) {
    m_findings[group].role = roleOf(trace.processGroups()[group]);
    if (m_findings[group].role != GroupRole::kUnknown) m_findings[group].foundBy = kByDescription;
  }
  std::vector<Traffic> traffic(m_findings.size());
  std::vector<PassCounts> passes(trace.ranks().size());
  CommKernelFilter filter(trace, comm);
  for (const Track& track : trace.tracks()) {
    if (stop.stop_requested()) break;
    if (track.kind != trace::TrackKind::kGpuStream) continue;
    Pass previous = Pass::kNone;
    for (const EventIndex e : trace::eventsOf(track, stop)) {
      if (!trace::isGpuWork(trace.kind(e))) continue;
      const Pass pass = passOf(e);
      if (!filter.isCommKernel(e)) {
        // A stretch of kernels of one pass; two passes of a kind in a row count as one, which asks
        // for less traffic of a group, not more.
        if (pass != previous && pass == Pass::kForward) ++passes[track.rank].forward;
        if (pass != previous && pass == Pass::kBackward) ++passes[track.rank].backward;
        previous = pass;
        continue;
      }
      const auto args = trace.args(e);
      CollectiveKind kind = args ? args->collective : CollectiveKind::kNone;
      if (kind == CollectiveKind::kNone) kind = collectiveOfKernel(trace.name(e));
      const size_t group =
          args && args->group != kNoIndex ? args->group : trace.processGroups().size();
      count(traffic[group], kind, pass, args ? args->bytes : -1);
      traffic[group].ranks.insert(track.rank);
    }
  }
  for (size_t group = 0; group < m_findings.size(); ++group) {
    if (m_findings[group].role == GroupRole::kUnknown)
      m_findings[group] = findingOf(traffic[group], passes);
  }
}

const GroupFinding& GroupRoles::of(uint32_t group) const {
  return m_findings[group == kNoIndex ? m_findings.size() - 1 : group];
}

GroupRoles::Place GroupRoles::placeIn(size_t index, int32_t rank) const {
  const trace::ProcessGroup& group = m_trace.processGroups()[index];
  if (group.ranks.size() != static_cast<size_t>(group.size)) return {};
  const auto at = std::find(group.ranks.begin(), group.ranks.end(), rank);
  if (at == group.ranks.end()) return {};
  return {static_cast<int32_t>(at - group.ranks.begin()),
          group.size,
          "place in its process group, known by " + m_findings[index].foundBy,
          {}};
}

GroupRoles::Place GroupRoles::placeOf(int32_t rank, GroupRole role) const {
  if (role == GroupRole::kData) return dataPlaceOf(rank);
  for (size_t i = 0; i < m_trace.processGroups().size(); ++i) {
    if (m_findings[i].role != role) continue;
    if (Place place = placeIn(i, rank); place.index >= 0) return place;
  }
  return {};
}

GroupRoles::Place GroupRoles::dataPlaceOf(int32_t rank) const {
  DataGroups described;
  std::vector<size_t> byTraffic;
  for (size_t i = 0; i < m_trace.processGroups().size(); ++i) {
    const trace::ProcessGroup& group = m_trace.processGroups()[i];
    if (m_findings[i].role != GroupRole::kData) continue;
    const bool isOwn = placeIn(i, rank).index >= 0;
    if (m_findings[i].foundBy == kByDescription) {
      described.add(dataPartOf(group), isOwn ? i : DataGroups::kNone, group.size);
    } else if (isOwn) {
      byTraffic.push_back(i);
    }
  }
  if (const size_t whole = described.first(DataPart::kWhole); whole != DataGroups::kNone)
    return placeIn(whole, rank);
  const size_t replicas = described.first(DataPart::kReplicate);
  const size_t shards = described.first(DataPart::kShard);
  if (replicas != DataGroups::kNone && shards != DataGroups::kNone)
    return combined(placeIn(replicas, rank), placeIn(shards, rank));
  if (replicas != DataGroups::kNone && !described.hasSeveral(DataPart::kShard))
    return placeIn(replicas, rank);
  if (shards != DataGroups::kNone && !described.hasSeveral(DataPart::kReplicate))
    return placeIn(shards, rank);
  if (described.any()) {
    return {.whyNot =
                "its process groups are parts of the data-parallel ranks (replicas, shards, "
                "experts) that do not tell the whole"};
  }
  const auto ranksOf = [&](size_t i) { return m_trace.processGroups()[i].ranks; };
  const bool same = std::all_of(byTraffic.begin(), byTraffic.end(),
                                [&](size_t i) { return ranksOf(i) == ranksOf(byTraffic.front()); });
  if (!same)
    return {.whyNot =
                "several process groups of different ranks reduce gradients, and their "
                "descriptions do not say how they belong together"};
  return byTraffic.empty() ? Place{} : placeIn(byTraffic.front(), rank);
}

}  // namespace caracal::analysis
