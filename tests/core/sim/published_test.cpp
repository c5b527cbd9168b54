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

// One layer per chunk and nothing else.
profile::Profile plainStages(int32_t stages, int32_t microBatches, int64_t forwardNs,
                             int64_t backwardNs, int64_t transferNs, int64_t weightNs = 0,
                             int32_t chunksPerStage = 1) {
  profile::LayerKind kind;
  kind.id = "stage";
  kind.operators = {
      test::makeOperator("all", OperatorKind::kGemm, forwardNs, backwardNs, 1, 1, {}, {"input"})};
  kind.operators.front().weightNs = weightNs;
  auto profile = test::makeProfile(kind, stages * chunksPerStage, stages, microBatches);
  profile.first.operators.clear();
  profile.last.operators.clear();
  profile.sendForwardNs = profile.sendBackwardNs = transferNs;
  return profile;
}

SimResult run(const profile::Profile& profile, const std::vector<test::Placement>& placements,
              const std::string& schedule = "1F1B") {
  const auto result = simulate(profile, test::makePlanOf(profile, {placements}, schedule));
  EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().text());
  return result.value_or(SimResult{});
}

TEST(Published, bubbleRatesAreReproducedToFourDigits) {
  std::ifstream file(CARACAL_SOURCE_DIR "/tests/data/zero_bubble_rates.csv");
  ASSERT_TRUE(file.is_open());
  int rows = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string> cells;
    std::stringstream cellStream(line);
    for (std::string cell; std::getline(cellStream, cell, ',');) cells.push_back(cell);
    ASSERT_EQ(cells.size(), 10u) << line;
    const auto ns = [&](size_t i) {
      return static_cast<int64_t>(std::llround(std::stod(cells[i]) * 1e6));
    };
    const auto profile =
        plainStages(std::stoi(cells[1]), std::stoi(cells[2]), ns(3), ns(4) + ns(5), ns(6), ns(5));
    size_t column = 7;
    for (const char* schedule : {"1F1B", "zb-h1", "zb-h2"}) {
      const SimResult result = run(profile, test::keepAll(profile.kinds[0]), schedule);
      EXPECT_EQ(fmt::format("{:.4f}", result.zbBubbleRate),
                fmt::format("{:.4f}", std::stod(cells[column])))
          << schedule << ": " << line;
      ++column;
    }
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

TEST(ClosedForm, gpipeIdlesAsLongAs1F1BAndHoldsEveryMicroBatch) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const auto stages = static_cast<int32_t>(test::pick(random, 1, 9));
    const auto microBatches = static_cast<int32_t>(test::pick(random, 1, 30));
    const int64_t forward = test::pick(random, 1, 1000), backward = test::pick(random, 1, 2000);
    const auto profile = plainStages(stages, microBatches, forward, backward, 0);
    const SimResult result = run(profile, test::keepAll(profile.kinds[0]), "gpipe");
    EXPECT_EQ(result.stepNs, (microBatches + stages - 1) * (forward + backward));
    for (const StageResult& stage : result.stages)
      EXPECT_EQ(stage.bubbleNs, (stages - 1) * (forward + backward));
  }
}

// Narayanan et al. (arXiv 2104.04473): v chunks divide the bubble by v. Forward and backward are
// those of one chunk.
TEST(ClosedForm, interleavingDividesTheBubble) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const auto stages = static_cast<int32_t>(test::pick(random, 1, 8));
    const auto chunks = static_cast<int32_t>(test::pick(random, 2, 5));
    const auto microBatches = static_cast<int32_t>(stages * test::pick(random, 1, 5));
    const int64_t forward = test::pick(random, 1, 1000), backward = test::pick(random, 1, 2000);
    const auto profile = plainStages(stages, microBatches, forward, backward, 0, 0, chunks);
    const SimResult result =
        run(profile, test::keepAll(profile.kinds[0]), fmt::format("interleaved:{}", chunks));
    EXPECT_EQ(result.stepNs, (int64_t{microBatches} * chunks + stages - 1) * (forward + backward));
    for (const StageResult& stage : result.stages)
      EXPECT_EQ(stage.bubbleNs, (stages - 1) * (forward + backward));
  }
}

// DeepSeek's table ("ZB1P", arXiv 2412.19437): (p - 1)(F + B - 2 W), B both gradients; with all
// parts equal, from enough micro-batches on.
TEST(ClosedForm, zeroBubbleH1IdlesForAThirdOf1F1B) {
  for (int32_t stages = 1; stages <= 10; ++stages) {
    for (const int32_t microBatches : {2 * stages, 2 * stages + 3, 5 * stages}) {
      const auto profile = plainStages(stages, microBatches, 10, 20, 0, 10);
      const SimResult result = run(profile, test::keepAll(profile.kinds[0]), "zb-h1");
      EXPECT_EQ(result.stepNs, 30 * microBatches + 10 * (stages - 1));
    }
  }
}

// Every stage works without a break from its first forward to its last weight gradient; the step is
// longer only because stages start one forward after the other.
TEST(ClosedForm, equalPartsLeaveZbH2AndZbVWithoutBubbles) {
  for (int32_t stages = 1; stages <= 10; ++stages) {
    for (const int32_t microBatches : {2 * stages, 3 * stages + 1}) {
      SCOPED_TRACE(fmt::format("{} stages, {} micro-batches", stages, microBatches));
      const auto whole = plainStages(stages, microBatches, 10, 20, 0, 10);
      const SimResult h2 = run(whole, test::keepAll(whole.kinds[0]), "zb-h2");
      EXPECT_EQ(h2.zbBubbleRate, 0);
      const auto halves = plainStages(stages, microBatches, 10, 20, 0, 10, 2);
      const SimResult v = run(halves, test::keepAll(halves.kinds[0]), "zb-v");
      EXPECT_EQ(v.zbBubbleRate, 0);
      EXPECT_EQ(v.stepNs, 60 * microBatches + 10 * (stages - 1));
    }
  }
}

// A repeated block never waits in the steady state: each further micro-batch adds its six passes.
TEST(ClosedForm, repeatedBlocksRunWithoutBubblesInTheSteadyState) {
  for (int32_t stages = 1; stages <= 10; ++stages) {
    for (const char* schedule : {"v-half", "v-min"}) {
      const auto step = [&](int32_t microBatches) {
        const auto profile = plainStages(stages, microBatches, 10, 20, 0, 10, 2);
        return run(profile, test::keepAll(profile.kinds[0]), schedule).stepNs;
      };
      const int32_t filled = 4 * stages;
      EXPECT_EQ(step(filled + 7) - step(filled), 7 * 60) << schedule << ", " << stages;
    }
  }
}

// DeepSeek's table (arXiv 2412.19437): (p / 2 - 1)(F&B + B - 3 W), where F&B is a forward and a
// backward run together; they are not faster together here, so that F&B = F + B.
TEST(ClosedForm, dualPipeIdlesNoLongerThanPublished) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const auto stages = static_cast<int32_t>(2 * test::pick(random, 1, 6));
    const auto microBatches = static_cast<int32_t>(2 * stages + 2 * test::pick(random, 0, 9));
    const int64_t weight = test::pick(random, 1, 500);
    const int64_t forward = weight + test::pick(random, 0, 300);
    const int64_t input = forward + test::pick(random, 0, 300);
    const auto profile = plainStages(stages, microBatches, forward, input + weight, 0, weight);
    const SimResult result = run(profile, test::keepAll(profile.kinds[0]), "dualpipe");
    const int64_t pair = forward + input + weight;
    const int64_t published = (stages / 2 - 1) * (pair + input + weight - 3 * weight);
    EXPECT_LE(result.stepNs - microBatches * pair, published);
    EXPECT_GE(result.stepNs, microBatches * pair);
    for (const StageResult& stage : result.stages)
      EXPECT_EQ(stage.busyNs, microBatches * pair) << "two copies, half the micro-batches each";
  }
}

TEST(Memory, dualPipeHoldsTwoCopiesOfTheParameters) {
  auto profile = plainStages(4, 8, 10, 20, 0, 10);
  profile.kinds[0].staticBytes = 1000;
  const SimResult one = run(profile, test::keepAll(profile.kinds[0]));
  const SimResult two = run(profile, test::keepAll(profile.kinds[0]), "dualpipe");
  for (size_t s = 0; s < 4; ++s) {
    EXPECT_EQ(one.stages[s].staticBytes, 1000);
    EXPECT_EQ(two.stages[s].staticBytes, 2000);
  }
}

}  // namespace
}  // namespace caracal::sim
