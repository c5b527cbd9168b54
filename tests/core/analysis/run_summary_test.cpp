#include "core/analysis/run_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/analysis/collective_summary.h"
#include "core/analysis/step_summaries.h"
#include "tests/core/analysis/schedule_fixture.h"

namespace caracal::analysis {
namespace {

using testing::HasSubstr;

RunSummary summaryOf(const fixture::PipelineOptions& options) {
  const auto trace = fixture::playPipeline(options);
  const auto model = buildStepModel(*trace);
  EXPECT_TRUE(model) << (model ? "" : model.error().text());
  return model ? summarizeRun(*trace, *model) : RunSummary{};
}

TEST(RunSummary, holdsMediansOfAStepsFigures) {
  // 4 stages, 8 micro-batches, F 10 and B 20: the pipeline takes (8 + 4 - 1) * 30, each stage
  // computes 240.
  const RunSummary run = summaryOf({.steps = 3});
  EXPECT_EQ(run.steps, 3);
  EXPECT_EQ(run.pipelineNs, 330);
  EXPECT_EQ(run.stepNs, 330);
  ASSERT_EQ(run.stages.size(), 4U);
  for (const StageRun& stage : run.stages) {
    EXPECT_EQ(stage.forwardNs, 10);
    EXPECT_EQ(stage.backwardNs, 20);
    EXPECT_EQ(stage.bubbleNs, 90);
    EXPECT_EQ(stage.peakBytes, 0) << "no memory figures in this run";
  }
  EXPECT_NEAR(run.bubblePct, 100.0 * 90 / 330, 1e-9);
}

// Two chunks of the model on one stage: a micro-batch passes both.
TEST(RunSummary, chunksOfAMicroBatchAreOnePass) {
  using trace::Pass;
  StageStep stage;
  stage.passes = {{0, Pass::kForward, 0, 0, {0, 10}},
                  {1, Pass::kForward, 1, 0, {10, 22}},
                  {2, Pass::kForward, 0, 1, {30, 35}},
                  {3, Pass::kBackward, 0, 1, {40, 60}}};
  EXPECT_THAT(microBatchTimes(stage, Pass::kForward), testing::ElementsAre(15, 12));
  stage.passes[0].microBatch = stage.passes[2].microBatch = -1;
  EXPECT_THAT(microBatchTimes(stage, Pass::kForward), testing::ElementsAre(10, 5, 12));
}

TEST(RunSummary, countsEveryReplicaOfAStep) {
  EXPECT_EQ(summaryOf({.replicas = 2, .steps = 2}).steps, 4);
}

// A recording of two ranks of one stage: step 0 is slow, the later ones are not; memory peaks at
// 900.
std::shared_ptr<const trace::Trace> recordedRun() {
  trace::TraceBuilder builder;
  builder.setFormat("caracal");
  builder.setTag(trace::Tag::kEmulated);
  builder.meta() = {
      {"policy", "heu"}, {"clock", "virtual"}, {"hardware", "a CPU"}, {"planHash", "00ff"}};
  const auto tracks = fixture::addStageRank(builder, 0, 0, 0);
  const fixture::PipelineOptions slow{
      .stages = 1, .microBatches = 2, .forwardNs = [](int32_t, int32_t) { return 100; }};
  const fixture::PipelineOptions fast{.stages = 1, .microBatches = 2};
  int64_t now = fixture::playStep(builder, slow, {tracks}, 0, 0);
  for (int32_t step = 1; step < 3; ++step)
    now = fixture::playStep(builder, fast, {tracks}, step, now);
  builder.addCounter({.name = "memory",
                      .unit = "bytes",
                      .rank = 0,
                      .timesNs = {0, 5, 9},
                      .values = {100, 900, 300}});
  return std::move(builder).finish();
}

TEST(RunSummary, leavesTheFirstStepOfARecordingOut) {
  const auto trace = recordedRun();
  const auto model = buildStepModel(*trace);
  ASSERT_TRUE(model) << model.error().text();
  const RunSummary run = summarizeRun(*trace, *model);
  EXPECT_EQ(run.steps, 2);
  EXPECT_EQ(run.stepNs, 60);
  ASSERT_EQ(run.stages.size(), 1U);
  EXPECT_EQ(run.stages[0].peakBytes, 900);
  EXPECT_EQ(run.name, "heu");
  EXPECT_EQ(run.planHash, "00ff");
}

TEST(RunSummary, severalRecordingsAreOneRunAndEachLeavesItsFirstStepOut) {
  const auto trace = recordedRun();
  const auto model = buildStepModel(*trace);
  ASSERT_TRUE(model) << model.error().text();
  StepModel slower = *model;
  for (StepSummary& step : slower.steps) step.stepNs += 20;
  const RunSummary run = summarizeRuns({{trace.get(), &*model}, {trace.get(), &slower}});
  EXPECT_EQ(run.steps, 4);
  EXPECT_EQ(run.stepNs, 70) << "the middle of 60, 60, 80, 80";
  EXPECT_EQ(run.stages, summarizeRun(*trace, *model).stages);
}

TEST(RunSummary, comparisonAcrossTagsClocksOrHardwareIsCautionedAgainst) {
  const RunSummary a{.tag = trace::Tag::kEmulated, .clock = "virtual", .hardware = "a CPU"};
  EXPECT_TRUE(cautions(a, a).empty());
  RunSummary b = a;
  b.tag = trace::Tag::kSimulated;
  EXPECT_THAT(cautions(a, b), testing::ElementsAre(HasSubstr("emulated")));
  b = a;
  b.clock = "wall";
  EXPECT_THAT(cautions(a, b), testing::ElementsAre(HasSubstr("wall")));
  b = a;
  b.hardware = "a GPU";
  b.stages.resize(2);
  EXPECT_THAT(cautions(a, b), testing::ElementsAre(HasSubstr("a GPU"), HasSubstr("stages differ")));
}

TEST(RunSummary, changeIsInPercentOfTheFirst) {
  EXPECT_DOUBLE_EQ(changePct(200, 150), -25.0);
  EXPECT_DOUBLE_EQ(changePct(0, 150), 0.0);
}

TEST(CollectiveSummary, addsUpWaitAndTransferAndNamesWhoCameLast) {
  trace::TraceBuilder builder;
  for (int32_t number = 0; number < 2; ++number) builder.addRank({.rank = 10 + number});
  const auto trace = std::move(builder).finish();
  const MatchedCollective first{.kind = trace::CollectiveKind::kAllReduce,
                                .bytes = 64,
                                .transferNs = 70,
                                .lastRankIndex = 1,
                                .members = {{.rankIndex = 0, .waitNs = 80}, {.rankIndex = 1}}};
  MatchedCollective second = first;
  second.bytes = -1;
  const auto rows = summarizeCollectives(*trace, {.matched = {first, second}}, 0);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0], (CollectiveSummary{.kind = trace::CollectiveKind::kAllReduce,
                                        .members = 2,
                                        .calls = 2,
                                        .bytes = 64,
                                        .waitNs = 160,
                                        .transferNs = 140,
                                        .latestRank = 11,
                                        .latestCalls = 2,
                                        .algorithmGBps = 64.0 / 70,
                                        .busGBps = 64.0 / 70}));
}

}  // namespace
}  // namespace caracal::analysis
