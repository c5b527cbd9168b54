// A model on known hardware, planned to keep everything, simulated.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "core/plan/plain_policies.h"
#include "core/profile/model_description.h"
#include "core/profile/profile_json.h"
#include "core/sim/simulator.h"

namespace caracal::profile::fixture {

inline Profile estimateOf(const ModelDescription& model) {
  const auto hardware = loadHardware(model.gpu);
  EXPECT_TRUE(hardware) << hardware.error().text();
  auto profile = profileFromModel(model, *hardware);
  EXPECT_TRUE(profile) << profile.error().text();
  return *profile;
}

// Keeps every tensor that backward reads.
inline plan::Plan keepAll(const Profile& profile, const std::vector<int32_t>& partition) {
  plan::Plan plan;
  plan.policy = "none";
  plan.profileHash = hashOf(profile);
  plan.model = profile.model;
  plan.parallel = profile.parallel;
  int32_t next = 0;
  for (int32_t layers : partition) {
    plan::StagePlan& stage = plan.stages.emplace_back();
    stage.firstLayer = next;
    for (int32_t l = 0; l < layers; ++l) {
      stage.layers.push_back({plan::keepAllPlacements(profile.kindOf(next + l))});
    }
    next += layers;
  }
  return plan;
}

inline sim::SimResult simulated(const Profile& profile, const plan::Plan& plan) {
  auto result = sim::simulate(profile, plan, {sim::TraceDetail::kOperators});
  EXPECT_TRUE(result) << result.error().text();
  return *result;
}

}  // namespace caracal::profile::fixture
