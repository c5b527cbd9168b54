// Every split of the model over ranks trains the same model.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/runtime/tiny_model.h"

namespace caracal::executor {
namespace {

RunSummary trained(const test::Sizes& sizes, const RunOptions& options = test::quickOptions()) {
  const auto job = jobFromModel(test::tinyModel(sizes));
  EXPECT_TRUE(job) << job.error().text();
  auto summary = test::train(*job, options);
  EXPECT_TRUE(summary) << summary.error().text();
  return std::move(*summary);
}

double largestDifference(const test::Weights& a, const test::Weights& b) {
  double largest = 0;
  EXPECT_EQ(a.size(), b.size());
  for (const auto& [name, values] : a) {
    for (size_t i = 0; i < values.size(); ++i) {
      largest = std::max<double>(largest, std::abs(values[i] - b.at(name)[i]));
    }
  }
  return largest;
}

TEST(Parallel, pipelineStagesGiveTheSameBitsAsOneRank) {
  const RunSummary one = trained({});
  for (const int32_t pipeline : {2, 4}) {
    test::Sizes sizes;
    sizes.pipeline = pipeline;
    const RunSummary split = trained(sizes);
    EXPECT_EQ(test::lossesOf(split), test::lossesOf(one)) << pipeline;
    EXPECT_EQ(test::weightsOf(split), test::weightsOf(one)) << pipeline;
  }
}

RunSummary trainedWith(const std::string& schedule, const test::Sizes& sizes) {
  const auto job = jobFromModel(test::tinyModel(sizes), schedule);
  EXPECT_TRUE(job) << schedule << ": " << job.error().text();
  auto summary = test::train(*job);
  EXPECT_TRUE(summary) << schedule << ": " << summary.error().text();
  for (const RankSummary& rank : summary->ranks) {
    EXPECT_EQ(rank.peakBytes, predictedMemory(*job, rank.position.stage).peakBytes())
        << schedule << ", rank " << rank.position.rank;
  }
  return std::move(*summary);
}

// Weight gradients are summed in the order of micro-batches under all of these, and a split
// backward computes what a whole one does.
TEST(Parallel, schedulesGiveTheSameBitsAsOneRank) {
  test::Sizes sizes;
  sizes.layers = 8;
  const RunSummary one = trained(sizes);
  for (const int32_t pipeline : {2, 4}) {
    sizes.pipeline = pipeline;
    for (const std::string schedule :
         {"1F1B", "interleaved:2", "zb-h1", "zb-h2", "zb-v", "v-half", "v-min"}) {
      const RunSummary split = trainedWith(schedule, sizes);
      EXPECT_EQ(test::lossesOf(split), test::lossesOf(one)) << schedule << " on " << pipeline;
      EXPECT_EQ(test::weightsOf(split), test::weightsOf(one)) << schedule << " on " << pipeline;
    }
  }
}

TEST(Parallel, gpipeTrainsTheSameModel) {
  const RunSummary one = trained({});
  test::Sizes sizes;
  sizes.pipeline = 2;
  const RunSummary split = trainedWith("gpipe", sizes);
  for (size_t s = 0; s < one.steps.size(); ++s)
    EXPECT_NEAR(split.steps[s].loss, one.steps[s].loss, 2e-4) << s;
  EXPECT_LT(largestDifference(test::weightsOf(split), test::weightsOf(one)), 2e-3);
}

TEST(Parallel, chunksSplitOverTensorRanksAndReplicasTrainTheSameModel) {
  test::Sizes sizes;
  sizes.layers = 8;
  const RunSummary one = trained(sizes);
  sizes.tensor = 2;
  sizes.pipeline = 2;
  sizes.data = 2;
  sizes.microBatches = 2;
  for (const std::string schedule : {"interleaved:2", "zb-v"}) {
    const RunSummary split = trainedWith(schedule, sizes);
    for (size_t s = 0; s < one.steps.size(); ++s)
      EXPECT_NEAR(split.steps[s].loss, one.steps[s].loss, 2e-4) << schedule << " step " << s;
    EXPECT_EQ(test::disagreementOf(split), 0) << schedule;
  }
}

// Sums of partial products round differently from one long sum; AdamW's division by the root of the
// second moment makes the most of it, so weights are compared after few steps.
TEST(Parallel, tensorRanksTrainTheSameModelAsOne) {
  const RunSummary one = trained({});
  test::Sizes sizes;
  sizes.tensor = 2;
  const RunSummary split = trained(sizes);
  for (size_t s = 0; s < one.steps.size(); ++s)
    EXPECT_NEAR(split.steps[s].loss, one.steps[s].loss, 2e-4) << s;
  EXPECT_LT(largestDifference(test::weightsOf(split), test::weightsOf(one)), 2e-3);
  EXPECT_EQ(test::disagreementOf(split), 0);
}

TEST(Parallel, replicasShareTheBatchAndStayEqual) {
  const RunSummary one = trained({});
  test::Sizes sizes;
  sizes.data = 2;
  sizes.microBatches = 2;  // two replicas of two are one of four
  const RunSummary split = trained(sizes);
  for (size_t s = 0; s < one.steps.size(); ++s)
    EXPECT_NEAR(split.steps[s].loss, one.steps[s].loss, 2e-4) << s;
  EXPECT_LT(largestDifference(test::weightsOf(split), test::weightsOf(one)), 2e-3);
  EXPECT_EQ(test::disagreementOf(split), 0);
}

// The same sums, layer by layer and earlier.
TEST(Parallel, reducingGradientsBesideBackwardGivesTheSameBits) {
  test::Sizes sizes;
  sizes.data = 2;
  sizes.pipeline = 2;
  for (const std::string schedule : {"1F1B", "interleaved:2", "zb-h1"}) {
    profile::ModelDescription model = test::tinyModel(sizes);
    const RunSummary atTheEnd = trainedWith(schedule, sizes);
    model.parallel.overlapGradientReduce = true;
    const auto job = jobFromModel(model, schedule);
    ASSERT_TRUE(job) << job.error().text();
    const auto beside = test::train(*job);
    ASSERT_TRUE(beside) << beside.error().text();
    EXPECT_EQ(test::lossesOf(*beside), test::lossesOf(atTheEnd)) << schedule;
    EXPECT_EQ(test::weightsOf(*beside), test::weightsOf(atTheEnd)) << schedule;
  }
}

TEST(Parallel, allThreeAtOnceTrainTheSameModel) {
  const RunSummary one = trained({});
  test::Sizes sizes;
  sizes.tensor = 2;
  sizes.pipeline = 2;
  sizes.data = 2;
  sizes.microBatches = 2;
  const RunSummary split = trained(sizes);
  for (size_t s = 0; s < one.steps.size(); ++s)
    EXPECT_NEAR(split.steps[s].loss, one.steps[s].loss, 2e-4) << s;
  EXPECT_EQ(test::disagreementOf(split), 0);
}

TEST(Parallel, theSameRunTwiceGivesTheSameBits) {
  test::Sizes sizes;
  sizes.tensor = 2;
  sizes.pipeline = 2;
  const RunSummary first = trained(sizes);
  const RunSummary second = trained(sizes);
  EXPECT_EQ(test::lossesOf(first), test::lossesOf(second));
  EXPECT_EQ(test::weightsOf(first), test::weightsOf(second));
}

TEST(Parallel, theClockDoesNotChangeTheResult) {
  test::Sizes sizes;
  sizes.tensor = 2;
  RunOptions wall = test::quickOptions();
  wall.clock = comm::ClockKind::kWall;
  wall.links.tensor = {100'000, 1e9};
  const RunSummary onWall = trained(sizes, wall);
  EXPECT_EQ(test::weightsOf(onWall), test::weightsOf(trained(sizes)));
}

TEST(Parallel, otherSeedsTrainOtherModels) {
  RunOptions other = test::quickOptions(1);
  other.seed = 2;
  EXPECT_NE(test::lossesOf(trained({}, other)), test::lossesOf(trained({}, test::quickOptions(1))));
}

TEST(Parallel, lossFallsOnTheBuiltInText) {
  const RunSummary summary = trained({}, test::quickOptions(40));
  EXPECT_NEAR(summary.steps.front().loss, std::log(256.0), 0.05);
  EXPECT_LT(summary.steps.back().loss, 3.6);
}

}  // namespace
}  // namespace caracal::executor
