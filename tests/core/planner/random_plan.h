// Small 1F1B jobs whose layers differ, in kind and in policy, drawn at random.
#pragma once

#include <cstdint>

#include "core/plan/plan.h"
#include "core/profile/profile.h"
#include "tests/support/layers.h"

namespace caracal::planner {

struct PlanOfProfile {
  profile::Profile profile;
  plan::Plan plan;
};

inline PlanOfProfile randomPlan(uint64_t seed) {
  test::Random random(seed);
  PlanOfProfile c;
  c.profile =
      test::makeProfile(test::randomLayer(random, static_cast<int>(test::pick(random, 1, 4))),
                        static_cast<int32_t>(test::pick(random, 4, 12)),
                        static_cast<int32_t>(test::pick(random, 1, 4)),
                        static_cast<int32_t>(test::pick(random, 1, 7)));
  c.profile.kinds.push_back(test::randomLayer(random, 2));
  c.profile.kinds.back().id = "other";
  if (seed % 2 == 0) {
    for (profile::LayerKind& kind : c.profile.kinds) test::addGathers(random, 2, kind);
  }
  for (uint32_t& kind : c.profile.layers) kind = static_cast<uint32_t>(test::pick(random, 0, 1));
  c.profile.sendForwardNs = test::pick(random, 0, 60);
  if (seed % 3 == 0) c.profile.kappa = 1.0 + static_cast<double>(test::pick(random, 0, 50)) / 100;
  if (seed % 3 == 0) c.profile.rho = 1.0 + static_cast<double>(test::pick(random, 0, 50)) / 100;
  c.plan = test::makePlanOf(c.profile,
                            {test::keepAll(c.profile.kinds[0]), test::keepAll(c.profile.kinds[1])});
  for (plan::StagePlan& stage : c.plan.stages) {
    for (int32_t l = 0; l < stage.layerCount(); ++l) {
      auto& placements = stage.layers[static_cast<size_t>(l)].placements;
      placements = test::randomPlacements(random, c.profile.kindOf(stage.firstLayer + l));
      if (placements.back().kind == test::PlacementKind::kWindow)
        placements.back() = {test::PlacementKind::kOnDemand};
    }
  }
  return c;
}

}  // namespace caracal::planner
