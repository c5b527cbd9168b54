// The planner's closed forms against lowering and simulation, over random policies.
#include "core/planner/stage_model.h"

#include <gtest/gtest.h>

#include "core/sim/figures.h"
#include "core/sim/memory_timeline.h"
#include "core/sim/replay.h"
#include "core/sim/simulator.h"
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
  for (const auto& kind : c.profile.kinds) {
    c.policies.push_back(test::randomPlacements(random, kind));
    test::Placement& last = c.policies.back().back();
    if (last.kind == test::PlacementKind::kWindow) last = {test::PlacementKind::kOnDemand};
  }
  c.plan = test::makePlanOf(c.profile, c.policies);
  return c;
}

void expectEqualToSimulation(const Case& c) {
  const plan::ProfileGraphs graphs(c.profile);
  const auto program = plan::lower(c.profile, c.plan);
  ASSERT_TRUE(program.has_value()) << program.error().text();
  const auto times = sim::replay(c.profile, c.plan, *program);
  ASSERT_TRUE(times.has_value());
  const auto count = static_cast<int32_t>(c.plan.stages.size());
  std::vector<PassTimes> passTimes;
  for (int32_t s = 0; s < count; ++s) {
    const auto index = static_cast<size_t>(s);
    const plan::StageShape shape{c.profile, graphs, c.plan.stages[index], s, count};
    const StageModel model(shape);
    const ResolvedPolicies resolved = model.resolve(c.policies);
    passTimes.push_back(model.passTimes(resolved));
    EXPECT_EQ(model.peakBytes(c.policies, resolved),
              sim::peakBytesOf(shape, program->stages[index]))
        << "stage " << s;
    const sim::StageFigures figures = sim::figuresOf(program->stages[index], times->stages[index]);
    for (const sim::PassTime& pass : figures.passes) {
      const bool filled = model.inFlight() > 1 && pass.microBatch >= model.inFlight() - 1;
      const int64_t forward =
          filled ? passTimes.back().forwardFilledNs : passTimes.back().forwardNs;
      EXPECT_EQ(pass.span.lengthNs(),
                pass.pass == trace::Pass::kForward ? forward : passTimes.back().backwardNs)
          << "stage " << s << " " << trace::name(pass.pass) << pass.microBatch;
    }
  }
  const PipelineTimes pipeline = pipelineTimes(
      passTimes,
      {c.profile.parallel.microBatches, c.profile.sendForwardNs, c.profile.sendBackwardNs});
  EXPECT_EQ(pipeline.stepNs, times->stepNs);
}

TEST(StageModel, equalsTheSimulationForOneKindOfLayer) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    expectEqualToSimulation(randomCase(seed, 1));
    if (testing::Test::HasFailure()) return;
  }
}

TEST(StageModel, equalsTheSimulationForTwoKindsOfLayers) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    expectEqualToSimulation(randomCase(seed, 2));
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace caracal::planner
