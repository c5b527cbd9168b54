#include "core/plan/plan.h"

namespace caracal::plan {
namespace {

constexpr std::array<std::string_view, kWindowCount> kWindowNames{
    "fwd.attn", "fwd.mlp", "pipe", "prev.bwd.mlp", "prev.bwd.attn", "own.bwd.mlp", "dp"};
constexpr std::string_view kWindowPrefix = "window:";

}  // namespace

std::string_view name(WindowId id) {
  return kWindowNames[static_cast<size_t>(id)];
}

std::optional<WindowId> windowFromName(std::string_view text) {
  for (size_t i = 0; i < kWindowNames.size(); ++i) {
    if (kWindowNames[i] == text) return static_cast<WindowId>(i);
  }
  return std::nullopt;
}

std::string toText(Placement placement) {
  switch (placement.kind) {
    case PlacementKind::kDiscarded:
      return "discarded";
    case PlacementKind::kRetained:
      return "retained";
    case PlacementKind::kWindow:
      return std::string(kWindowPrefix) + std::string(name(placement.window));
    case PlacementKind::kOnDemand:
      return "onDemand";
    case PlacementKind::kOffload:
      return "offload";
    case PlacementKind::kRepeated:
      return "repeated";
  }
  return {};
}

std::optional<Placement> placementFromText(std::string_view text) {
  for (PlacementKind kind :
       {PlacementKind::kDiscarded, PlacementKind::kRetained, PlacementKind::kOnDemand,
        PlacementKind::kOffload, PlacementKind::kRepeated}) {
    if (text == toText({kind})) return Placement{kind};
  }
  if (!text.starts_with(kWindowPrefix)) return std::nullopt;
  const auto window = windowFromName(text.substr(kWindowPrefix.size()));
  if (!window) return std::nullopt;
  return Placement{PlacementKind::kWindow, *window};
}

std::vector<int32_t> Plan::partition() const {
  std::vector<int32_t> layers;
  for (const StagePlan& stage : stages) layers.push_back(stage.layerCount());
  return layers;
}

}  // namespace caracal::plan
