#include "core/analysis/group_roles.h"

#include <array>
#include <string>
#include <utility>

namespace caracal::analysis {

std::string_view name(GroupRole role) {
  static constexpr std::array<std::string_view, 6> kNames{"unknown", "tensor",  "pipeline",
                                                          "data",    "context", "expert"};
  return kNames[static_cast<size_t>(role)];
}

GroupRole roleOf(const trace::ProcessGroup& group) {
  const std::string_view text = group.description;
  // The first that the description starts with; expert groups have tensor and data ones of their
  // own.
  static constexpr std::array<std::pair<std::string_view, GroupRole>, 15> kPrefixes{{
      {"TENSOR_AND_", GroupRole::kUnknown},
      {"TENSOR_MODEL_PARALLEL", GroupRole::kTensor},
      {"PIPELINE_MODEL_PARALLEL", GroupRole::kPipeline},
      {"DATA_PARALLEL", GroupRole::kData},
      {"INTRA_PARTIAL_DATA_PARALLEL", GroupRole::kData},
      {"INTER_PARTIAL_DATA_PARALLEL", GroupRole::kData},
      {"CONTEXT_PARALLEL", GroupRole::kContext},
      {"EXPERT_DATA_PARALLEL", GroupRole::kData},
      {"EXPERT_MODEL_PARALLEL", GroupRole::kExpert},
      {"EXPERT_TENSOR_PARALLEL", GroupRole::kTensor},
      {"mesh_tp", GroupRole::kTensor},
      {"mesh_pp", GroupRole::kPipeline},
      {"mesh_dp", GroupRole::kData},
      {"mesh_cp", GroupRole::kContext},
      {"mesh_ep", GroupRole::kExpert},
  }};
  for (const auto& [prefix, role] : kPrefixes) {
    if (text.starts_with(prefix)) return role;
  }
  return GroupRole::kUnknown;
}

}  // namespace caracal::analysis
