// What a process group is for: by the description that frameworks give it, else by its traffic.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/analysis/comm_names.h"
#include "core/trace/trace.h"

namespace caracal::analysis {

enum class GroupRole : uint8_t { kUnknown, kTensor, kPipeline, kData, kContext, kExpert };
std::string_view name(GroupRole role);  // "tensor", ..., "unknown"

// By the words of the description, or of the name where there is no description: Megatron-LM's
// ("TENSOR_MODEL_PARALLEL_GROUP", "DATA_PARALLEL_GROUP_WITH_CP", ...), DeviceMesh's ("mesh_tp",
// "mesh_dp_shard", ...) and abbreviations ("tp", "pp:0", "fsdp"). kUnknown where a word is not
// known, and for groups that span several roles ("MODEL_PARALLEL_GROUP", "default_pg").
GroupRole roleOf(const trace::ProcessGroup& group);

// Which ranks of a data-parallel job one of its groups joins: all of them, or only some, because
// copies are made of sharded models (HSDP, "mesh_dp_replicate" and "mesh_dp_shard").
enum class DataPart : uint8_t {
  kWhole,
  kReplicate,  // the ranks that hold the same shard
  kShard,      // the ranks that hold one copy together
  kOther,      // some of the parameters only (experts), or ranks of other roles with them
};
// By the same words. REQUIRES: roleOf(group) is kData.
DataPart dataPartOf(const trace::ProcessGroup& group);

struct GroupFinding {
  GroupRole role = GroupRole::kUnknown;
  std::string foundBy;  // "its description", "its traffic: ..."; empty: unknown
};

// The pass that a GPU event belongs to; by default what its arguments say (gpu_passes.h).
using PassOfEvent = std::function<trace::Pass(trace::EventIndex)>;

// All groups of a trace. Where the description does not say, traffic does, if the passes are known:
// a group of which each forward and each backward pass calls two all-reduces or more, or
// all-gathers and reduce-scatters, is tensor-parallel. One that reduces at least 64 KiB at once in
// or behind backward passes, and in forward passes gathers at most, is data-parallel. Everything
// else stays unknown. Polls `stop` between tracks; what it then knows is not complete.
class GroupRoles {
 public:
  GroupRoles(const trace::Trace& trace, const CommNames& comm, const std::stop_token& stop = {});
  GroupRoles(const trace::Trace& trace, const CommNames& comm, const PassOfEvent& passOf,
             const std::stop_token& stop = {});

  // `group`: index into Trace::processGroups(), or kNoIndex for calls that name none.
  const GroupFinding& of(uint32_t group) const;

  // The rank's index in the first group of this role whose whole list is known. Data-parallel
  // ranks: in the group of them all; else in that of the replicas times that of the shards,
  // replicas counted slower; unknown where several groups might be that of them all.
  struct Place {
    int32_t index = -1;  // -1: there is none
    int32_t size = 0;
    std::string foundBy;
    std::string whyNot;  // where there are groups, and they do not tell
  };
  Place placeOf(int32_t rank, GroupRole role) const;

 private:
  Place dataPlaceOf(int32_t rank) const;
  Place placeIn(size_t group, int32_t rank) const;

  const trace::Trace& m_trace;
  std::vector<GroupFinding> m_findings;  // per group, last: calls without one
};

}  // namespace caracal::analysis
