// Optimizer state shared among replicas, and gradients reduced in buckets: the bits of plain data
// parallelism, with less memory.
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/runtime/tiny_model.h"

namespace caracal::executor {
namespace {

constexpr int64_t kNoBuckets = 0;

Job jobOf(const profile::ModelDescription& model, const ReplicaOptions& replicas,
          const std::string& schedule = "1F1B") {
  auto job = jobFromModel(model, schedule, {}, replicas);
  EXPECT_TRUE(job) << job.error().text();
  return std::move(*job);
}

RunSummary trained(const Job& job, const RunOptions& options = test::quickOptions(),
                   const StepObserver& observer = {}) {
  auto summary = test::train(job, options, observer);
  EXPECT_TRUE(summary) << summary.error().text();
  for (const RankSummary& rank : summary->ranks) {
    const StageMemory predicted = predictedMemory(job, rank.position.stage);
    EXPECT_EQ(rank.peakBytes, predicted.peakBytes()) << "rank " << rank.position.rank;
    EXPECT_EQ(rank.staticBytes, predicted.staticBytes) << "rank " << rank.position.rank;
  }
  return std::move(*summary);
}

profile::ModelDescription replicated(int32_t data, bool overlaps, int32_t pipeline = 1,
                                     int32_t tensor = 1) {
  test::Sizes sizes;
  sizes.data = data;
  sizes.pipeline = pipeline;
  sizes.tensor = tensor;
  profile::ModelDescription model = test::tinyModel(sizes);
  model.parallel.overlapGradientReduce = overlaps;
  return model;
}

TEST(DistributedOptimizer, givesTheBitsOfPlainReplicas) {
  for (const int32_t data : {2, 3}) {  // three do not divide the parameters
    for (const bool overlaps : {false, true}) {
      const RunSummary plain = trained(jobOf(replicated(data, false), {}));
      // A bucket of one layer, of several, of all.
      for (const int64_t bucketBytes : {kNoBuckets, int64_t{30'000}, int64_t{1} << 30}) {
        const Job job = jobOf(replicated(data, overlaps), {true, bucketBytes});
        const RunSummary shared = trained(job);
        const std::string where =
            fmt::format("dp {}, overlap {}, buckets of {} bytes", data, overlaps, bucketBytes);
        EXPECT_EQ(test::lossesOf(shared), test::lossesOf(plain)) << where;
        EXPECT_EQ(test::weightsOf(shared), test::weightsOf(plain)) << where;
        EXPECT_EQ(test::disagreementOf(shared), 0) << where;
      }
    }
  }
}

TEST(DistributedOptimizer, worksUnderEverySplit) {
  for (const std::string schedule : {"1F1B", "interleaved:2", "zb-h1"}) {
    profile::ModelDescription model = replicated(2, true, 2, schedule == "1F1B" ? 2 : 1);
    const RunSummary plain = trained(jobOf(model, {false, kNoBuckets}, schedule));
    const RunSummary shared = trained(jobOf(model, {true, 40'000}, schedule));
    EXPECT_EQ(test::lossesOf(shared), test::lossesOf(plain)) << schedule;
    EXPECT_EQ(test::weightsOf(shared), test::weightsOf(plain)) << schedule;
  }
  profile::ModelDescription rows = replicated(2, false, 1, 2);
  rows.parallel.sequenceParallel = true;
  EXPECT_EQ(test::weightsOf(trained(jobOf(rows, {true, {}}))),
            test::weightsOf(trained(jobOf(rows, {}))));
}

TEST(DistributedOptimizer, keepsMomentsOfItsPartOnly) {
  const Job plain = jobOf(replicated(2, false), {});
  const Job shared = jobOf(replicated(2, false), {true, {}});
  const int64_t all = predictedMemory(plain, 0).staticBytes;
  const int64_t part = predictedMemory(shared, 0).staticBytes;
  // Two of four arrays are halved; an odd number of parameters leaves one more to each.
  EXPECT_GE(part, all * 3 / 4);
  EXPECT_LE(part, all * 3 / 4 + 8);
}

TEST(DistributedOptimizer, isAskedForByTheModelToo) {
  profile::ModelDescription model = replicated(2, false);
  model.distributedOptimizer = true;
  EXPECT_TRUE(jobOf(model, {}).distributedOptimizer);
  EXPECT_FALSE(jobOf(replicated(1, false), {true, {}}).distributedOptimizer)
      << "nobody to share with";
}

// Reductions that a step of rank 0 shows.
int64_t reductionsOf(const Job& job) {
  int64_t count = 0;
  trained(job, test::quickOptions(1),
          [&](const StepReport&, const recording::StepRecords& records) -> Result<Continue> {
            for (const recording::OperatorRow& row : records.operators)
              count += row.rank == 0 && row.name == "dp.reduce" ? 1 : 0;
            return Continue::kYes;
          });
  return count;
}

TEST(Buckets, areReducedWhenTheyAreComplete) {
  const profile::ModelDescription model = replicated(2, true);
  EXPECT_EQ(reductionsOf(jobOf(model, {false, kNoBuckets})), 6) << "four layers and both ends";
  EXPECT_EQ(reductionsOf(jobOf(model, {})), 1) << "Megatron-LM's are larger than this model";
  // 3280 parameters of 4 bytes in a layer: two layers make a bucket, after the last end's 4128.
  EXPECT_EQ(reductionsOf(jobOf(model, {false, 16'000})), 4);
}

TEST(DistributedOptimizer, goesOnFromCheckpointsOfOthersAndTheOtherWayRound) {
  const std::string path = testing::TempDir() + "/caracal-shared.ckpt";
  const auto weightsAfter = [&](const ReplicaOptions& first, const ReplicaOptions& second,
                                int32_t replicasOfSecond) {
    RunOptions options = test::quickOptions(2);
    options.checkpointPath = path;
    trained(jobOf(replicated(2, true), first), options);
    const auto checkpoint = Checkpoint::open(path);
    EXPECT_TRUE(checkpoint) << checkpoint.error().text();
    RunOptions rest = test::quickOptions(2);
    rest.resumeFrom = &*checkpoint;
    return test::weightsOf(trained(jobOf(replicated(replicasOfSecond, false), second), rest));
  };
  const ReplicaOptions plain, shared{true, 20'000};
  const test::Weights expected = weightsAfter(plain, plain, 2);
  EXPECT_EQ(weightsAfter(shared, shared, 2), expected);
  EXPECT_EQ(weightsAfter(shared, plain, 2), expected);
  EXPECT_EQ(weightsAfter(plain, shared, 2), expected);
  EXPECT_EQ(weightsAfter(plain, shared, 4), weightsAfter(shared, plain, 4));
  std::remove(path.c_str());
}

}  // namespace
}  // namespace caracal::executor
