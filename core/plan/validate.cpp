#include <string>
#include <vector>

#include "core/plan/layer_check.h"
#include "core/plan/plan.h"
#include "core/plan/refusal.h"
#include "core/plan/schedule.h"
#include "core/plan/stage_shape.h"
#include "core/plan/tensor_bytes.h"
#include "core/profile/profile_json.h"

namespace caracal::plan {
namespace {

using profile::Profile;

Result<void> checkOrigin(const Profile& profile, const Plan& plan) {
  const std::string hash = profile::hashOf(profile);
  if (plan.profileHash != hash) {
    return refused(
        "profileHash",
        fmt::format(
            "the plan was made for profile {}, this is profile {}; plan again for this profile",
            plan.profileHash, hash));
  }
  if (plan.model != profile.model || plan.parallel != profile.parallel) {
    return refused("model, parallel",
                   "the plan's model or parallel sizes are not those of its profile; plan again");
  }
  return {};
}

Result<void> checkPartition(const Profile& profile, const Schedule& schedule, const Plan& plan) {
  const int32_t stages = schedule.chunks;
  if (static_cast<int32_t>(plan.stages.size()) != stages) {
    return refused(
        "stages",
        fmt::format("the plan has {} stages, the pipeline {}{}", plan.stages.size(), stages,
                    stages == schedule.devices
                        ? ""
                        : fmt::format(": {} cuts the model into {} chunks for {} "
                                      "devices",
                                      plan.schedule, stages, schedule.devices)));
  }
  int64_t next = 0;
  for (int32_t s = 0; s < stages; ++s) {
    const StagePlan& stage = plan.stages[static_cast<size_t>(s)];
    const std::string where = fmt::format("stage {}", s);
    if (stage.layers.empty())
      return refused(where, "holds no layer; move at least one layer to it");
    if (stage.firstLayer != next) {
      return refused(
          where,
          fmt::format("starts at layer {}, but the stages before it end at layer {}: {}",
                      stage.firstLayer, next,
                      stage.firstLayer > next ? "layers are lost" : "layers are held twice"));
    }
    if (stage.budgetBytes < 0) return refused(where, "its budget is negative; 0 means no limit");
    next += stage.layerCount();
  }
  if (next != profile.model.layers) {
    return refused("stages", fmt::format("the stages hold {} layers, the model has {}", next,
                                         profile.model.layers));
  }
  return {};
}

// A budget is that of a GPU, so all chunks on one device state the same.
Result<void> checkBudgets(const Schedule& schedule, const Plan& plan) {
  for (const std::vector<int32_t>& chunks : schedule.chunksOf) {
    const auto budget = [&](int32_t chunk) {
      return plan.stages[static_cast<size_t>(chunk)].budgetBytes;
    };
    for (const int32_t chunk : chunks) {
      if (budget(chunk) == budget(chunks.front())) continue;
      return refused(
          fmt::format("stage {}", chunk),
          fmt::format("its budget is {} bytes, but stage {} is on the same device and has "
                      "{}; give both the same",
                      budget(chunk), chunks.front(), budget(chunks.front())));
    }
  }
  return {};
}

Result<void> checkHostBudget(const DeviceShape& device) {
  const int64_t budget = device.chunks.front().profile.memory.hostBudgetBytes;
  const int64_t bytes = hostBytes(device);
  if (budget == 0 || bytes <= budget) return {};
  return refused(
      fmt::format("stage {}", device.device),
      fmt::format("offloads {} bytes to host memory, {} more than memory.hostBudgetBytes "
                  "of the profile; offload less",
                  bytes, bytes - budget));
}

}  // namespace

Result<void> validate(const Profile& profile, const Plan& plan) {
  CARACAL_CHECK_OK(checkOrigin(profile, plan));
  const auto schedule =
      makeSchedule(plan.schedule, profile.parallel.pipeline, profile.parallel.microBatches);
  if (!schedule) return tl::unexpected(at(schedule.error(), "schedule"));
  CARACAL_CHECK_OK(checkPartition(profile, *schedule, plan));
  CARACAL_CHECK_OK(checkBudgets(*schedule, plan));
  const ProfileGraphs graphs(profile);
  for (int32_t device = 0; device < schedule->devices; ++device) {
    const StageProgram held = emptyProgram(*schedule, device);
    const DeviceShape shape = deviceShape(profile, graphs, plan, held);
    for (const StageShape& stage : shape.chunks) {
      for (int32_t layer = stage.firstLayer(); layer <= stage.topLayer(); ++layer)
        CARACAL_CHECK_OK(checkLayer(stage, layer));
    }
    CARACAL_CHECK_OK(checkHostBudget(shape));
  }
  return {};
}

}  // namespace caracal::plan
