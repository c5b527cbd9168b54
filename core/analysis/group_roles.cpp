#include "core/analysis/group_roles.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>

namespace caracal::analysis {
namespace {

using trace::CollectiveKind;
using trace::EventIndex;
using trace::kNoIndex;
using trace::Pass;
using trace::Trace;
using trace::Track;

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
    if (m_findings[group].role != GroupRole::kUnknown)
      m_findings[group].foundBy = "its description";
  }
  std::vector<Traffic> traffic(m_findings.size());
  std::vector<PassCounts> passes(trace.ranks().size());
  CommKernelFilter filter(trace, comm);
  for (const Track& track : trace.tracks()) {
    if (stop.stop_requested()) break;
    if (track.kind != trace::TrackKind::kGpuStream) continue;
    Pass previous = Pass::kNone;
    for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
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

GroupRoles::Place GroupRoles::placeOf(int32_t rank, GroupRole role) const {
  for (size_t i = 0; i < m_trace.processGroups().size(); ++i) {
    const trace::ProcessGroup& group = m_trace.processGroups()[i];
    if (m_findings[i].role != role || group.ranks.size() != static_cast<size_t>(group.size))
      continue;
    const auto at = std::find(group.ranks.begin(), group.ranks.end(), rank);
    if (at != group.ranks.end()) {
      return {static_cast<int32_t>(at - group.ranks.begin()), group.size,
              "place in its process group, known by " + m_findings[i].foundBy};
    }
  }
  return {};
}

}  // namespace caracal::analysis
