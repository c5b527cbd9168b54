#include "core/plan/plain_policies.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace caracal::plan {
namespace {

using profile::LayerKind;

// Between the projections of attention, before its result.
constexpr std::array<std::string_view, 3> kInsideCore{"scores", "softmax", "attn_dropout"};

// The result: of unfused and of fused attention.
constexpr std::array<std::string_view, 2> kCoreResults{"context", "attn"};

void place(const LayerKind& kind, std::string_view op, PlacementKind placement,
           std::vector<Placement>& placements) {
  const int index = kind.indexOf(std::string(op));
  if (index >= 0) placements[static_cast<size_t>(index)] = {placement};
}

bool isFused(const LayerKind& kind) {
  return kind.indexOf("scores") < 0;
}

}  // namespace

std::vector<Placement> keepAllPlacements(const LayerKind& kind) {
  std::vector<Placement> placements;
  for (const profile::Operator& op : kind.operators)
    placements.push_back({op.needed() ? PlacementKind::kRetained : PlacementKind::kDiscarded});
  return placements;
}

std::vector<Placement> fullPlacements(const LayerKind& kind) {
  return std::vector<Placement>(kind.operators.size(), Placement{PlacementKind::kOnDemand});
}

bool hasAttentionCore(const LayerKind& kind) {
  return std::all_of(kInsideCore.begin(), kInsideCore.end(),
                     [&](std::string_view op) { return kind.indexOf(std::string(op)) >= 0; });
}

std::vector<Placement> withoutAttentionCore(const LayerKind& kind) {
  std::vector<Placement> placements = keepAllPlacements(kind);
  for (const std::string_view op : kInsideCore)
    place(kind, op, PlacementKind::kOnDemand, placements);
  if (isFused(kind)) place(kind, "attn", PlacementKind::kOnDemand, placements);
  return placements;
}

std::vector<Placement> selectivePlacements(const LayerKind& kind) {
  std::vector<Placement> placements = withoutAttentionCore(kind);
  for (const std::string_view op : kCoreResults)
    place(kind, op, PlacementKind::kRepeated, placements);
  return placements;
}

}  // namespace caracal::plan
