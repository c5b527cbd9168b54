// Published bubble rates and the closed forms of 1F1B.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "core/sim/simulator.h"
#include "tests/support/layers.h"

namespace caracal::sim {
namespace {

using profile::OperatorKind;

// One layer per stage and nothing else.
profile::Profile plainStages(int32_t stages, int32_t microBatches, int64_t forwardNs,
                             int64_t backwardNs, int64_t transferNs) {
  profile::LayerKind kind;
  kind.id = "stage";
  kind.operators = {
      test::makeOperator("all", OperatorKind::kGemm, forwardNs, backwardNs, 1, 1, {}, {"input"})};
  auto profile = test::makeProfile(kind, stages, stages, microBatches);
  profile.first.operators.clear();
  profile.last.operators.clear();
  profile.sendForwardNs = profile.sendBackwardNs = transferNs;
  return profile;
}

SimResult run(const profile::Profile& profile, const std::vector<test::Placement>& placements) {
  const auto result = simulate(profile, test::makePlanOf(profile, {placements}));
  EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().text());
  return result.value_or(SimResult{});
}

TEST(Published, zeroBubbleRatesOf1F1BAreReproducedToFourDigits) {
  std::ifstream file(CARACAL_SOURCE_DIR "/tests/data/zero_bubble_1f1b.csv");
  ASSERT_TRUE(file.is_open());
  int rows = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string> cells;
    std::stringstream cellStream(line);
    for (std::string cell; std::getline(cellStream, cell, ',');) cells.push_back(cell);
    ASSERT_EQ(cells.size(), 8u) << line;
    const auto ns = [&](size_t i) {
      return static_cast<int64_t>(std::llround(std::stod(cells[i]) * 1e6));
    };
    const auto profile =
        plainStages(std::stoi(cells[1]), std::stoi(cells[2]), ns(3), ns(4) + ns(5), ns(6));
    const SimResult result = run(profile, test::keepAll(profile.kinds[0]));
    EXPECT_EQ(fmt::format("{:.4f}", result.zbBubbleRate),
              fmt::format("{:.4f}", std::stod(cells[7])))
        << line;
    ++rows;
  }
  EXPECT_EQ(rows, 4);
}

TEST(ClosedForm, equalStagesWithoutTransfersIdleForAFullRampOnEveryStage) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const auto stages = static_cast<int32_t>(test::pick(random, 1, 9));
    const auto microBatches = static_cast<int32_t>(test::pick(random, 1, 30));
    const int64_t forward = test::pick(random, 1, 1000), backward = test::pick(random, 1, 2000);
    const auto profile = plainStages(stages, microBatches, forward, backward, 0);
    const SimResult result = run(profile, test::keepAll(profile.kinds[0]));
    EXPECT_EQ(result.stepNs, (microBatches + stages - 1) * (forward + backward));
    EXPECT_EQ(result.pipelineNs, result.stepNs);
    for (const StageResult& stage : result.stages) {
      EXPECT_EQ(stage.bubbleNs, (stages - 1) * (forward + backward));
      EXPECT_EQ(stage.busyNs, microBatches * (forward + backward));
    }
  }
}

TEST(ClosedForm, transfersLengthenTheStep) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const auto stages = static_cast<int32_t>(test::pick(random, 2, 8));
    const auto microBatches = static_cast<int32_t>(stages * test::pick(random, 1, 5));
    const int64_t backward = test::pick(random, 100, 2000),
                  forward = test::pick(random, 100, backward);
    const int64_t transfer = test::pick(random, 0, 20);
    const auto profile = plainStages(stages, microBatches, forward, backward, transfer);
    const SimResult result = run(profile, test::keepAll(profile.kinds[0]));
    EXPECT_EQ(result.stepNs,
              (microBatches + stages - 1) * (forward + backward) +
                  transfer * (2 * (stages - 1) * microBatches / stages + 2 * (stages - 2)))
        << "P=" << stages << " M=" << microBatches;
  }
}

TEST(ClosedForm, recomputingWhileTheGradientIsAwaitedSavesItOncePerStageAbove) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const auto stages = static_cast<int32_t>(test::pick(random, 2, 8));
    const auto microBatches = static_cast<int32_t>(test::pick(random, stages, 30));
    const int64_t recompute = test::pick(random, 1, 1000), backward = test::pick(random, 1, 2000);
    const auto profile = plainStages(stages, microBatches, recompute, backward, 0);
    const int64_t forward = recompute;
    const SimResult onDemand = run(profile, {{test::PlacementKind::kOnDemand}});
    EXPECT_EQ(onDemand.stepNs, (microBatches + stages - 1) * (forward + backward + recompute));
    const SimResult inWait = run(profile, {{test::PlacementKind::kWindow, test::WindowId::kPipe}});
    EXPECT_EQ(inWait.stepNs, microBatches * (forward + backward + recompute) +
                                 (stages - 1) * (forward + backward));
    for (const StageResult& stage : onDemand.stages) {
      EXPECT_EQ(stage.exposedRecomputeNs, microBatches * recompute);
      EXPECT_EQ(stage.hiddenRecomputeNs, 0);
    }
  }
}

}  // namespace
}  // namespace caracal::sim
