// opt's search of one stage against CBC: four layers, each with a policy of its own, as an integer
// program (chain_program.h). What its rows for memory miss is cut off, one optimum of the program
// after the other, until one fits.
#include <gtest/gtest.h>

#include "core/planner/stage_optimum.h"
#include "tests/core/planner/chain_program.h"
#include "tests/support/layers.h"
#include "tests/support/seeds.h"

namespace caracal::planner {
namespace {

TEST(StageOptimum, equalsCbcForFourLayers) {
  constexpr int kMostCuts = 3;
  int compared = 0, exposed = 0;
  const uint64_t seeds = test::seedCount(9);
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    profile::LayerKind kind = test::randomLayer(random, seed % 2 == 0 ? 2 : 1);
    for (profile::Window& window : kind.windows)  // small, so that not everything hides
      window = test::makeWindow(window.id, window.after, test::pick(random, 1, 12));
    const auto profile =
        test::makeProfile(std::move(kind), 4, 1, static_cast<int32_t>(test::pick(random, 1, 4)));
    const plan::ProfileGraphs graphs(profile);
    const plan::Plan plan = test::makePlanOf(profile, {test::keepAll(profile.kinds[0])});
    const StageModel model({profile, graphs, plan.stages[0], 0, 1});
    const StageGaps gaps = noGapsOf(model);
    const KindPolicies all{test::keepAll(profile.kinds[0])};
    const KindPolicies none{test::recomputeAll(profile.kinds[0])};
    const int64_t most = model.peakBytes(all, model.resolve(all));
    const int64_t least = model.peakBytes(none, model.resolve(none));
    const int64_t budgetBytes = least + (most - least) * test::pick(random, 0, 3) / 10;
    StageMix mix(model, gaps, budgetBytes, kThoroughMix, {});
    StageChain start = mix.judge(Chain(4, mix.table().add(0, none[0])));
    if (start.peakBytes > budgetBytes) continue;
    const StageOptimum found =
        searchOptimum({model, chargesOf(model, gaps), budgetBytes}, mix, std::move(start), {});
    EXPECT_EQ(found.boundNs, found.chain.objectiveNs);

    ChainProgram program(model, budgetBytes);
    for (int cuts = 0; cuts < kMostCuts; ++cuts) {
      const auto solution = program.solve();
      ASSERT_TRUE(solution.has_value());
      const double value = program.valueOf(*solution);
      // The program leaves memory out, never time.
      ASSERT_LE(value, static_cast<double>(found.chain.objectiveNs) + 0.5);
      Chain layers;
      for (size_t layer = 0; layer < 4; ++layer)
        layers.push_back(mix.table().add(0, program.placementsOf(*solution, layer)));
      const StageChain chain = mix.judge(std::move(layers));
      EXPECT_NEAR(static_cast<double>(chain.objectiveNs), value, 0.5);
      if (chain.peakBytes <= budgetBytes) {
        EXPECT_EQ(chain.objectiveNs, found.chain.objectiveNs);
        ++compared;
        exposed += chain.objectiveNs > 0;
        break;
      }
      program.cutOff(*solution);
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GE(static_cast<uint64_t>(compared), seeds / 3);
  EXPECT_GE(static_cast<uint64_t>(exposed), seeds / 5);
  RecordProperty("compared", compared);
}

}  // namespace
}  // namespace caracal::planner
