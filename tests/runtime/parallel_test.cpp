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
