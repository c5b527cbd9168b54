// Plan: which layers each stage holds and, for every layer, what becomes of every tensor between
// its forward and its backward pass. The document is "caracal.plan/1" (plan_json.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/profile/profile.h"

namespace caracal::plan {

// Where a recomputation can hide (contracts.md section 2), in time order before a layer's backward.
enum class WindowId : uint8_t {
  kFwdAttn,
  kFwdMlp,
  kPipe,
  kPrevBwdMlp,
  kPrevBwdAttn,
  kOwnBwdMlp,
  kDataParallel
};
inline constexpr int kWindowCount = 7;
std::string_view name(WindowId id);  // "fwd.attn", "fwd.mlp", "pipe", "prev.bwd.mlp",
                                     // "prev.bwd.attn", "own.bwd.mlp", "dp"
std::optional<WindowId> windowFromName(std::string_view text);

enum class PlacementKind : uint8_t {
  kDiscarded,  // not kept, not rebuilt: only legal when backward does not read it
  kRetained,   // kept from forward to backward
  kWindow,     // rebuilt in a communication window
  kOnDemand,   // rebuilt on the critical path, just before the backward segment that reads it
  kOffload,    // copied to host memory after forward, and back before backward
  kRepeated,   // kept, and computed again on demand all the same: the result of a region that a
               // framework's checkpoint runs whole although its reader kept it
};

struct Placement {
  PlacementKind kind = PlacementKind::kRetained;
  WindowId window = WindowId::kFwdAttn;  // meaningful for kWindow only
  bool operator==(const Placement& o) const {
    return kind == o.kind && (kind != PlacementKind::kWindow || window == o.window);
  }
  // On the device from forward to backward.
  bool kept() const { return kind == PlacementKind::kRetained || kind == PlacementKind::kRepeated; }
  // Absent between forward and its recomputation.
  bool recomputed() const {
    return kind == PlacementKind::kWindow || kind == PlacementKind::kOnDemand;
  }
  bool runsAgain() const { return recomputed() || kind == PlacementKind::kRepeated; }
};
std::string toText(Placement placement);  // "retained", "window:fwd.mlp", "onDemand", "offload",
                                          // "repeated", "discarded"
std::optional<Placement> placementFromText(std::string_view text);

// One layer's choice, aligned with LayerKind::operators.
struct LayerPolicy {
  std::vector<Placement> placements;
  // False: the layer's input is dropped after forward and rebuilt by running the layers before it
  // in the same recompute unit again (Megatron-LM's uniform:N with N > 1). All such layers are
  // all-onDemand.
  bool keepsInput = true;
  bool operator==(const LayerPolicy&) const = default;
};

struct StagePlan {
  int32_t firstLayer = 0;           // global index
  std::vector<LayerPolicy> layers;  // one per layer of the stage, in forward order
  int64_t budgetBytes = 0;          // per GPU, static memory and reserve included; 0: no limit
  bool operator==(const StagePlan&) const = default;
  int32_t layerCount() const { return static_cast<int32_t>(layers.size()); }
};

struct Plan {
  std::string name;
  std::string policy;             // "none", "full", "uniform:2", "heu", "edited", ...
  std::string profileHash;        // profile::hashOf() of the profile it was made for
  std::string schedule = "1F1B";  // schedule.h; need not be the one that the profile ran
  profile::ModelShape model;      // copied from the profile: what caracal-run builds
  profile::ParallelShape parallel;
  std::vector<StagePlan> stages;  // the chunks of the model, in order (schedule.h)
  bool operator==(const Plan&) const = default;
  std::vector<int32_t> partition() const;  // layers of each stage
};

// Everything that makes a plan impossible for this profile: wrong profile hash, lost or doubled
// layers, placements missing, needed tensors discarded, inputs that are not there when a
// recomputation runs (order), windows that do not exist for the tensor, offload without a host link
// or beyond the host's budget. Names stage, layer and operator. Device memory is checked by the
// simulator, not here.
Result<void> validate(const profile::Profile& profile, const Plan& plan);

// 16 hex digits over the canonical JSON; written into recordings and exported configurations.
std::string hashOf(const Plan& plan);

}  // namespace caracal::plan
