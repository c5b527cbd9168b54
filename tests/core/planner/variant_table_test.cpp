// Layers that differ: the closed forms against lowering and simulation, over random policies.
#include "core/planner/variant_table.h"

#include <gtest/gtest.h>

#include "tests/core/planner/modelled_stages.h"
#include "tests/core/planner/random_plan.h"

namespace caracal::planner {
namespace {

TEST(VariantTable, equalsTheSimulationForLayersThatDiffer) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const PlanOfProfile c = randomPlan(seed);
    expectEqualToSimulation(c.profile, c.plan, [](const StageModel& model) {
      VariantTable table(model);
      Chain layers;
      const plan::StageShape& shape = model.shape();
      for (int32_t layer = shape.firstLayer(); layer <= shape.topLayer(); ++layer) {
        layers.push_back(
            table.add(static_cast<int32_t>(shape.profile.layers[static_cast<size_t>(layer)]),
                      shape.policy(layer).placements));
      }
      return ModelledStage{table.passTimes(layers), table.peakBytes(layers)};
    });
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace caracal::planner
