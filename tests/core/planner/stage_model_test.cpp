// The planner's closed forms against lowering and simulation, over random policies.
#include "core/planner/stage_model.h"

#include <gtest/gtest.h>

#include "tests/core/planner/modelled_stages.h"
#include "tests/support/layers.h"

namespace caracal::planner {
namespace {

struct Case {
  profile::Profile profile;
  KindPolicies policies;
  plan::Plan plan;
};

// Legal as plan::validate() means it: where one micro-batch is in flight, no fwd.* window exists.
Case randomCase(uint64_t seed, int64_t kinds) {
  test::Random random(seed);
  Case c;
  c.profile = test::makeProfile(
      test::randomLayer(random, static_cast<int>(test::pick(random, 1, 4)), seed % 4 != 0),
      static_cast<int32_t>(test::pick(random, 4, 12)),
      static_cast<int32_t>(test::pick(random, 1, 4)),
      static_cast<int32_t>(test::pick(random, 1, 7)));
  c.profile.sendForwardNs = test::pick(random, 0, 60);
  c.profile.sendBackwardNs = test::pick(random, 0, 60);
  c.profile.first.operators[0].savedBytes = test::pick(random, 0, 10);
  c.profile.memory = {0, test::pick(random, 0, 100), test::pick(random, 0, 100)};
  c.profile.first.optimizerNs = test::pick(random, 0, 50);
  if (seed % 3 == 0) {
    c.profile.kappa = 1.0 + static_cast<double>(test::pick(random, 0, 50)) / 100;
    c.profile.rho = 1.0 + static_cast<double>(test::pick(random, 0, 50)) / 100;
  }
  if (kinds == 2) {
    c.profile.kinds.push_back(test::randomLayer(random, 2, seed % 5 != 0));
    for (uint32_t& kind : c.profile.layers) kind = static_cast<uint32_t>(test::pick(random, 0, 1));
  }
  if (seed % 2 == 0) {
    for (profile::LayerKind& kind : c.profile.kinds) test::addGathers(random, 2, kind);
  }
  for (const auto& kind : c.profile.kinds) {
    c.policies.push_back(test::randomPlacements(random, kind));
    test::Placement& last = c.policies.back().back();
    if (last.kind == test::PlacementKind::kWindow) last = {test::PlacementKind::kOnDemand};
  }
  c.plan = test::makePlanOf(c.profile, c.policies);
  return c;
}

void expectModelled(const Case& c) {
  expectEqualToSimulation(c.profile, c.plan, [&](const StageModel& model) {
    const ResolvedPolicies resolved = model.resolve(c.policies);
    return ModelledStage{model.passTimes(resolved), model.peakBytes(c.policies, resolved)};
  });
}

TEST(StageModel, equalsTheSimulationForOneKindOfLayer) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    expectModelled(randomCase(seed, 1));
    if (testing::Test::HasFailure()) return;
  }
}

TEST(StageModel, equalsTheSimulationForTwoKindsOfLayers) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    expectModelled(randomCase(seed, 2));
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace caracal::planner
