// Sequence parallelism against tensor parallelism without it: the same sums in the same order, but
// for parameters whose gradient each rank sums over its own rows.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/runtime/tiny_model.h"

namespace caracal::executor {
namespace {

using test::LayerText;

profile::ModelDescription splitRows(const test::Sizes& sizes) {
  profile::ModelDescription model = test::tinyModel(sizes);
  model.parallel.sequenceParallel = true;
  return model;
}

RunSummary trained(const Job& job, const RunOptions& options) {
  auto summary = test::train(job, options);
  EXPECT_TRUE(summary) << summary.error().text();
  for (const RankSummary& rank : summary->ranks) {
    const StageMemory predicted = predictedMemory(job, rank.position.stage);
    EXPECT_EQ(rank.peakBytes, predicted.peakBytes()) << "rank " << rank.position.rank;
    EXPECT_EQ(rank.staticBytes, predicted.staticBytes);
    EXPECT_EQ(rank.workspaceBytes, predicted.workspaceBytes);
  }
  return std::move(*summary);
}

RunSummary trained(const profile::ModelDescription& model, const RunOptions& options,
                   const std::string& schedule = "1F1B") {
  const auto job = jobFromModel(model, schedule);
  EXPECT_TRUE(job) << job.error().text();
  return trained(*job, options);
}

// Gains and offsets of norms, the biases behind a reduce-scatter, and the embedding.
bool summedOverRows(const std::string& name) {
  const auto ends = [&](std::string_view tail) { return name.ends_with(tail); };
  return ends(".gamma") || ends(".beta") || ends("proj.bias") || ends("fc2.bias") ||
         name.starts_with("embed.");
}

// With so large an epsilon the first update is proportional to the gradient, but for the decay of
// weights, which is the same on both sides.
RunOptions oneLinearStep() {
  RunOptions options = test::quickOptions(1);
  options.optimizer.epsilon = 1e3F;
  options.optimizer.learningRate = 1e3F;
  options.optimizer.weightDecay = 0;
  return options;
}

struct Split {
  int32_t tensor = 2, pipeline = 1, data = 1;
  double dropout = 0.1;
};

class SequenceParallel : public testing::TestWithParam<Split> {
 protected:
  static test::Sizes sizes() {
    test::Sizes result;
    result.tensor = GetParam().tensor;
    result.pipeline = GetParam().pipeline;
    result.data = GetParam().data;
    result.dropout = GetParam().dropout;
    return result;
  }
};

TEST_P(SequenceParallel, givesTheLossAndTheGradientsOfUnsplitRows) {
  const RunOptions options = oneLinearStep();
  const RunSummary whole = trained(test::tinyModel(sizes()), options);
  const RunSummary split = trained(splitRows(sizes()), options);
  EXPECT_EQ(test::lossesOf(split), test::lossesOf(whole));
  EXPECT_EQ(test::disagreementOf(split), 0);
  const test::Weights expected = test::weightsOf(whole), actual = test::weightsOf(split);
  for (const auto& [name, values] : actual) {
    const std::vector<float>& unsplit = expected.at(name);
    if (!summedOverRows(name)) {
      EXPECT_EQ(values, unsplit) << name;
      continue;
    }
    // One sum of n terms became one of each rank: they differ by at most n roundings of the sum of
    // the terms' sizes. Here n is 64 rows, an update is a tenth of a gradient, and gradients are
    // below 0.1: 64 * 2^-24 * 64 * 0.1 / 10.
    for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], unsplit[i], 2.5e-6) << name;
  }
}

TEST_P(SequenceParallel, trainsTheSameModel) {
  const RunOptions options = test::quickOptions(4);
  const RunSummary whole = trained(test::tinyModel(sizes()), options);
  const RunSummary split = trained(splitRows(sizes()), options);
  for (size_t s = 0; s < whole.steps.size(); ++s)
    EXPECT_NEAR(split.steps[s].loss, whole.steps[s].loss, 2e-4) << s;
}

INSTANTIATE_TEST_SUITE_P(Splits, SequenceParallel,
                         testing::Values(Split{}, Split{4}, Split{2, 2}, Split{2, 1, 2},
                                         Split{4, 2, 1, 0.0}),
                         [](const auto& tested) {
                           const Split& split = tested.param;
                           return fmt::format("tp{}pp{}dp{}{}", split.tensor, split.pipeline,
                                              split.data, split.dropout > 0 ? "" : "noDropout");
                         });

TEST(SequenceParallelMemory, isLessForWhatFollowsRows) {
  test::Sizes sizes;
  sizes.tensor = 4;
  const auto whole = jobFromModel(test::tinyModel(sizes));
  const auto split = jobFromModel(splitRows(sizes));
  ASSERT_TRUE(whole);
  ASSERT_TRUE(split) << split.error().text();
  EXPECT_LT(predictedMemory(*split, 0).activationBytes, predictedMemory(*whole, 0).activationBytes);
  EXPECT_EQ(predictedMemory(*split, 0).staticBytes, predictedMemory(*whole, 0).staticBytes);
}

class SequenceParallelPolicies : public testing::TestWithParam<std::string> {};

TEST_P(SequenceParallelPolicies, giveTheBitsOfKeepingAll) {
  test::Sizes sizes;
  sizes.tensor = 2;
  sizes.pipeline = 2;
  sizes.microBatches = 5;
  const profile::ModelDescription model = splitRows(sizes);
  const RunSummary keepAll = trained(model, test::quickOptions());
  const std::vector<std::string> policies{
      // full, past every collective
      "ln1=onDemand ag_attn=onDemand qkv=onDemand scores=onDemand softmax=onDemand "
      "attn_dropout=onDemand context=onDemand proj=onDemand rs_attn=onDemand residual1=onDemand "
      "ln2=onDemand ag_mlp=onDemand fc1=onDemand act=onDemand",
      // beside the new collectives of backward
      "scores=window:prev.bwd.mlp softmax=window:prev.bwd.mlp attn_dropout=window:prev.bwd.attn "
      "context=window:prev.bwd.attn ln2=window:pipe act=onDemand",
      "scores=window:own.bwd.mlp softmax=window:own.bwd.mlp attn_dropout=onDemand ln1=onDemand",
      "ln1=offload act=offload"};
  for (const std::string& placements : policies) {
    plan::PlanDocument document =
        test::planDocument(model, [&](int32_t, int32_t) { return LayerText{placements}; });
    document.plan.schedule = GetParam();
    const auto job = jobFromPlan(document);
    ASSERT_TRUE(job) << placements << ": " << job.error().text();
    const RunSummary planned = trained(*job, test::quickOptions());
    EXPECT_EQ(test::lossesOf(planned), test::lossesOf(keepAll)) << placements;
    EXPECT_EQ(test::weightsOf(planned), test::weightsOf(keepAll)) << placements;
  }
}

INSTANTIATE_TEST_SUITE_P(Schedules, SequenceParallelPolicies, testing::Values("1F1B", "zb-h1"),
                         [](const auto& tested) {
                           return std::string(tested.param == "1F1B" ? "1F1B" : "zbH1");
                         });

// Where backward is split, the rows that qkv and fc1 read are gathered for the weights' own pass.
TEST(SequenceParallelSchedules, giveTheBitsOfWholeStages) {
  test::Sizes sizes;
  sizes.tensor = 2;
  sizes.layers = 8;
  const RunSummary one = trained(splitRows(sizes), test::quickOptions());
  sizes.pipeline = 2;
  for (const std::string schedule :
       {"interleaved:2", "zb-h1", "zb-h2", "zb-v", "v-half", "v-min"}) {
    const RunSummary split = trained(splitRows(sizes), test::quickOptions(), schedule);
    EXPECT_EQ(test::lossesOf(split), test::lossesOf(one)) << schedule;
    EXPECT_EQ(test::weightsOf(split), test::weightsOf(one)) << schedule;
  }
}

TEST(SequenceParallelSchedules, gatherOnceForTheGradientsOfWeights) {
  test::Sizes sizes;
  sizes.tensor = 2;
  sizes.pipeline = 2;
  for (const std::string schedule : {"1F1B", "zb-h1"}) {
    const auto job = jobFromModel(splitRows(sizes), schedule);
    ASSERT_TRUE(job) << job.error().text();
    const auto pass = schedule == "1F1B" ? trace::Pass::kBackward : trace::Pass::kWeight;
    int64_t gathers = 0, elsewhere = 0;
    const auto count = [&](const StepReport&, const recording::StepRecords& records) {
      for (const recording::OperatorRow& row : records.operators) {
        if (!row.name.starts_with("bwd.regather.")) continue;
        ++(row.pass == pass ? gathers : elsewhere);
      }
      return Result<Continue>(Continue::kYes);
    };
    ASSERT_TRUE(test::train(*job, test::quickOptions(1), count));
    // Two of each layer and micro-batch, on both tensor-parallel ranks.
    EXPECT_EQ(gathers, int64_t{2} * sizes.layers * sizes.microBatches * sizes.tensor) << schedule;
    EXPECT_EQ(elsewhere, 0) << schedule;
  }
}

}  // namespace
}  // namespace caracal::executor
