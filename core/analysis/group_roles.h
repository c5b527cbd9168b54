// What a process group is for, by the description that frameworks give it.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/trace/trace.h"

namespace caracal::analysis {

enum class GroupRole : uint8_t { kUnknown, kTensor, kPipeline, kData, kContext, kExpert };
std::string_view name(GroupRole role);  // "tensor", ..., "unknown"

// Megatron-LM's ("TENSOR_MODEL_PARALLEL_GROUP", "DATA_PARALLEL_GROUP_WITH_CP", ...) and
// DeviceMesh's
// ("mesh_tp", "mesh_dp_shard", ...) descriptions. kUnknown for all others, groups that span several
// roles ("MODEL_PARALLEL_GROUP", "default_pg") included.
GroupRole roleOf(const trace::ProcessGroup& group);

}  // namespace caracal::analysis
