// A plan in words: why each tensor is kept or rebuilt where it is, what is exposed, and what limits
// every stage. Everything said is worked out from the plan, the profile and the simulated step, so
// it holds for plans of any policy and for plans that were edited by hand.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/plan/plan.h"
#include "core/profile/profile.h"
#include "core/sim/simulator.h"

namespace caracal::planner {

struct TensorExplanation {
  std::string tensor;  // operator id
  plan::Placement placement;
  std::string words;
};

// Neighbouring layers of one kind with one policy.
struct LayerExplanation {
  int32_t firstLayer = 0, lastLayer = 0;  // global, both included
  std::vector<TensorExplanation> tensors;
};

struct StageExplanation {
  int32_t stage = 0;                // a chunk of the model, where the schedule cuts it finer
  std::vector<std::string> limits;  // what keeps the stage from being faster
  std::vector<LayerExplanation> layers;
};

struct PlanExplanation {
  std::string summary;  // which stage sets the pace
  std::vector<StageExplanation> stages;
};

// REQUIRES a valid plan of the profile and its simulation.
PlanExplanation explain(const profile::Profile& profile, const plan::Plan& plan,
                        const sim::SimResult& simulated);

}  // namespace caracal::planner
