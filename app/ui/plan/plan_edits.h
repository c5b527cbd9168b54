// Edits of a plan as pure functions: plan in, plan out. They never check legality; plan::validate()
// says afterwards in words what is wrong, so that a change in two steps stays possible.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/plan/plan.h"
#include "core/profile/profile.h"

namespace caracal::ui {

// Which layers of a stage an edit means.
inline constexpr int32_t kEveryLayer = -1;

// Every layer of `stage` whose kind is `kind`, or the one layer `layer` (index inside the stage).
plan::Plan withPlacement(const profile::Profile& profile, plan::Plan plan, int32_t stage,
                         int32_t layer, uint32_t kind, size_t op, plan::Placement placement);

// The same layers in stages of other sizes. A layer that changes stage takes the policy that its
// new stage's nearest old layer of the same kind had, because windows belong to stages. REQUIRES as
// many stages as before and the same sum.
plan::Plan withPartition(const profile::Profile& profile, const plan::Plan& plan,
                         const std::vector<int32_t>& layersOfStage);

plan::Plan withBudget(plan::Plan plan, int64_t budgetBytes);

// `layers` after moving the boundary below stage `boundary` by `delta` layers, each stage keeping
// one.
std::vector<int32_t> movedBoundary(std::vector<int32_t> layers, size_t boundary, int32_t delta);

// The same layers under another schedule. Every layer keeps its policy; where the schedule cuts the
// model into another number of stages they are made even, and a stage's first layer keeps its
// input. Fails for unknown names, sizes that the schedule cannot run, and fewer layers than stages.
Result<plan::Plan> withSchedule(plan::Plan plan, const std::string& schedule);

// Micro-batches in flight between forward and backward on a stage. REQUIRES a plan that its
// schedule can run.
int32_t inFlight(const plan::Plan& plan, int32_t stage);

// One choice of the placement menu; `problem` is empty for what is legal now.
struct PlacementChoice {
  plan::Placement placement;
  std::string problem;
};
// Every placement that exists for operator `op`, the illegal ones with the reason in words.
std::vector<PlacementChoice> placementChoices(const profile::Profile& profile,
                                              const plan::Plan& plan, int32_t stage, int32_t layer,
                                              uint32_t kind, size_t op);

}  // namespace caracal::ui
