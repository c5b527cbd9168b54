#include "core/analysis/step_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "core/trace/trace_builder.h"
#include "tests/core/analysis/schedule_fixture.h"
#include "tests/core/analysis/step_invariants.h"

namespace caracal::analysis {
namespace {

using fixture::PipelineOptions;
using fixture::playPipeline;
using trace::EventKind;
using trace::Pass;
using trace::TraceBuilder;
using trace::TrackIndex;
using trace::TrackKind;

StepModel modelOf(const PipelineOptions& options) {
  auto model = buildStepModel(*playPipeline(options));
  EXPECT_TRUE(model) << model.error().text();
  if (model) expectInvariants(*model);
  return model ? *model : StepModel{};
}

bool hasFact(const StepModel& model, std::string_view part) {
  return std::any_of(model.facts.begin(), model.facts.end(),
                     [&](const Fact& fact) { return fact.what.find(part) != std::string::npos; });
}

TEST(StepModel, equalStagesHaveTheTextbookBubbleOfOneForwardOneBackward) {
  const StepModel model = modelOf({.stages = 4, .microBatches = 8});
  EXPECT_EQ(model.schedule, "1F1B");
  EXPECT_EQ(model.stageCount, 4);
  EXPECT_EQ(model.microBatches, 8);
  ASSERT_EQ(model.stages.size(), 4u);
  for (const StageSummary& stage : model.stages) {
    EXPECT_EQ(stage.pipelineNs, (8 + 3) * 30);
    EXPECT_EQ(stage.bubbleNs, 3 * 30);  // (P - 1)(F + B)
    EXPECT_EQ(stage.forwardNs, 10);
    EXPECT_EQ(stage.backwardNs, 20);
    EXPECT_NEAR(stage.bubblePct, 100.0 * 90 / 330, 1e-9);
  }
  // Stage s waits s F at the begin, (P - 1 - s) B for its first gradient, s B at the end.
  for (const StageStep& stage : model.stageSteps) {
    EXPECT_EQ(causeNs(stage, IdleCause::kWarmup), stage.stage * 10);
    EXPECT_EQ(causeNs(stage, IdleCause::kCooldown), stage.stage * 20);
    EXPECT_EQ(causeNs(stage, IdleCause::kWaitDownstream), (3 - stage.stage) * 30);
    EXPECT_EQ(causeNs(stage, IdleCause::kLaunch), 0);
  }
}

TEST(StepModel, recognizesGPipe) {
  EXPECT_EQ(modelOf({.allForwardFirst = true}).schedule, "GPipe");
  EXPECT_EQ(modelOf({.stages = 1, .microBatches = 1}).schedule, "1F1B");
}

TEST(StepModel, linkTimeIsWaitingAlsoWhenNoReceiveIsRecorded) {
  for (const bool receives : {true, false}) {
    const StepModel model = modelOf({.receives = receives, .sendNs = 5});
    EXPECT_EQ(model.forwardSendNs, receives ? 5 : 0);
    for (const StageStep& stage : model.stageSteps) {
      EXPECT_EQ(causeNs(stage, IdleCause::kLaunch), 0)
          << "receives " << receives << " stage " << stage.stage;
      EXPECT_EQ(causeNs(stage, IdleCause::kUnexplained), 0);
    }
  }
}

TEST(StepModel, aHostThatLaunchesLateIsNotAWait) {
  TraceBuilder builder;
  const auto stage0 = fixture::addStageRank(builder, 0, 0, 0);
  const auto pass = [&](std::string_view name, Pass kind, int32_t microBatch, int64_t beginNs,
                        int64_t endNs) {
    builder.add({stage0.passes, EventKind::kPass, builder.intern(name), beginNs, endNs - beginNs},
                {.step = 0, .microBatch = microBatch, .stage = 0, .pass = kind});
  };
  pass("F", Pass::kForward, 0, 0, 10);
  pass("F", Pass::kForward, 1, 14, 24);
  pass("B", Pass::kBackward, 0, 24, 40);
  pass("B", Pass::kBackward, 1, 41, 60);
  const auto model = buildStepModel(*std::move(builder).finish());
  ASSERT_TRUE(model);
  expectInvariants(*model);
  EXPECT_EQ(causeNs(model->stageSteps.at(0), IdleCause::kLaunch), 5);
}

TEST(StepModel, optimizersAndReductionsExplainTheTimeAfterThePipeline) {
  const StepModel model = modelOf({.replicas = 2, .steps = 3, .optimizerNs = 50});
  EXPECT_EQ(model.replicaCount, 2);
  ASSERT_EQ(model.stageSteps.size(), 3u * 2 * 4);
  for (const StageSummary& stage : model.stages) {
    EXPECT_EQ(stage.steps, 6);
    EXPECT_EQ(stage.busyNs, 6 * (8 * 30 + 50));
    EXPECT_EQ(stage.causes[static_cast<size_t>(IdleCause::kUnexplained)],
              7 * 3);  // replica 1 starts 7 ns late
    EXPECT_EQ(stage.causes[static_cast<size_t>(IdleCause::kDataParallel)], 7 * 3);
  }
}

TEST(StepModel, aStepWithoutASuccessorEndsAtItsLastEvent) {
  const StepModel model = modelOf({.steps = 3, .stepStride = 2});
  ASSERT_EQ(model.steps.size(), 3u);
  for (const StepSummary& step : model.steps) EXPECT_EQ(step.stepNs, (8 + 3) * 30);
  EXPECT_TRUE(hasFact(model, "2 steps end at their last event"));
}

TEST(StepModel, incompleteStepsAreListedButNotSummed) {
  TraceBuilder builder;
  const auto stage0 = fixture::addStageRank(builder, 0, 0, 0);
  const auto pass = [&](Pass kind, int32_t step, int64_t beginNs) {
    builder.add({stage0.passes, EventKind::kPass, builder.intern("P"), beginNs, 10},
                {.step = step, .microBatch = 0, .stage = 0, .pass = kind});
  };
  pass(Pass::kForward, 0, 0);
  pass(Pass::kBackward, 0, 10);
  pass(Pass::kForward, 1, 20);  // killed before its backward
  const auto model = buildStepModel(*std::move(builder).finish());
  ASSERT_TRUE(model);
  EXPECT_EQ(model->steps.size(), 2u);
  ASSERT_EQ(model->stages.size(), 1u);
  EXPECT_EQ(model->stages[0].steps, 1);
  EXPECT_TRUE(hasFact(*model, "1 of 2 steps are incomplete"));
}

TEST(StepModel, causesAddUpExactlyOverRandomSchedules) {
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto upTo = [&](int32_t most) {
      return std::uniform_int_distribution<int32_t>(0, most)(random);
    };
    PipelineOptions options{.stages = 1 + upTo(5),
                            .microBatches = 1 + upTo(9),
                            .replicas = 1 + upTo(2),
                            .steps = 1 + upTo(3),
                            .stepStride = 1 + upTo(1),
                            .allForwardFirst = upTo(3) == 0,
                            .receives = upTo(1) == 0,
                            .sendNs = upTo(20),
                            .optimizerNs = upTo(40)};
    options.forwardNs = [&](int32_t, int32_t) { return 1 + upTo(30); };
    options.backwardNs = [&](int32_t, int32_t) { return 1 + upTo(60); };
    const StepModel model = modelOf(options);
    EXPECT_EQ(model.stages.size(), static_cast<size_t>(options.stages));
    for (const StageStep& stage : model.stageSteps) {
      if (options.receives) {
        EXPECT_EQ(causeNs(stage, IdleCause::kLaunch), 0);
      }
    }
    if (!options.allForwardFirst) {
      EXPECT_EQ(model.schedule, "1F1B");
    }
  }
}

// One stage with operators: a tensor collective of two ranks, recomputation inside and after it.
TEST(StepModel, recomputationInsideACollectiveIsHiddenAndTheOverflowExposed) {
  TraceBuilder builder;
  std::vector<TrackIndex> compute;
  for (int32_t t = 0; t < 2; ++t) {
    const uint32_t rank =
        builder.addRank({.rank = t, .stage = 0, .tensorIndex = t, .dataIndex = 0});
    const TrackIndex passes =
        builder.addTrack({.kind = TrackKind::kPassLane, .rank = rank, .label = "passes"});
    compute.push_back(
        builder.addTrack({.kind = TrackKind::kComputeLane, .rank = rank, .label = "compute"}));
    const TrackIndex comm =
        builder.addTrack({.kind = TrackKind::kCommLane, .rank = rank, .label = "tp-comm"});
    const auto op = [&](EventKind kind, Pass pass, std::string_view name, int64_t beginNs,
                        int64_t endNs) {
      builder.add({compute.back(), kind, builder.intern(name), beginNs, endNs - beginNs},
                  {.step = 0, .microBatch = 0, .stage = 0, .layer = 0, .pass = pass});
    };
    builder.add({passes, EventKind::kPass, builder.intern("F"), 0, 100},
                {.step = 0, .microBatch = 0, .stage = 0, .pass = Pass::kForward});
    builder.add({passes, EventKind::kPass, builder.intern("B"), 100, 100},
                {.step = 0, .microBatch = 0, .stage = 0, .pass = Pass::kBackward});
    // Rank 1 comes 10 ns late to the collective.
    op(EventKind::kCompute, Pass::kForward, "qkv", 0, 20 + 10 * t);
    builder.add({comm, EventKind::kComm, builder.intern("fwd.attn"), 20 + 10 * t, 70 - 10 * t},
                {.sequence = 0,
                 .step = 0,
                 .microBatch = 0,
                 .layer = 0,
                 .collective = trace::CollectiveKind::kAllReduce});
    if (t == 0) op(EventKind::kRecompute, Pass::kForward, "ln1", 40, 60);
    op(EventKind::kCompute, Pass::kForward, "fc1", 90, 100);
    op(EventKind::kRecompute, Pass::kBackward, "qkv", 100, 115);
    op(EventKind::kCompute, Pass::kBackward, "fc1", 115, 200);
  }
  const auto model = buildStepModel(*std::move(builder).finish());
  ASSERT_TRUE(model);
  expectInvariants(*model);
  ASSERT_EQ(model->stageSteps.size(), 1u);
  EXPECT_EQ(model->tensorSize, 2);
  const StageStep& stage = model->stageSteps[0];
  EXPECT_EQ(causeNs(stage, IdleCause::kCollectiveSkew), 10);  // [20, 30)
  EXPECT_EQ(causeNs(stage, IdleCause::kTensorTransfer), 40);  // [30, 40) and [60, 90)
  EXPECT_EQ(stage.recomputeHiddenNs, 20);
  EXPECT_EQ(stage.recomputeExposedNs, 15);
  EXPECT_EQ(stage.bubbleNs, 0);  // the collective is inside the pass
}

TEST(StepModel, recomputationBeforeTheGradientArrivesIsHidden) {
  TraceBuilder builder;
  const auto stage0 = fixture::addStageRank(builder, 0, 0, 0);
  const auto stage1 = fixture::addStageRank(builder, 1, 1, 0);
  const auto add = [&](const fixture::StageTracks& tracks, int32_t stage, Pass pass,
                       int64_t beginNs, int64_t endNs) {
    const trace::EventArgs args{.step = 0, .microBatch = 0, .stage = stage, .pass = pass};
    builder.add({tracks.passes, EventKind::kPass, builder.intern("P"), beginNs, endNs - beginNs},
                args);
    builder.add(
        {tracks.compute, EventKind::kCompute, builder.intern("fc1"), beginNs, endNs - beginNs},
        args);
  };
  add(stage0, 0, Pass::kForward, 0, 10);
  add(stage1, 1, Pass::kForward, 10, 20);
  add(stage1, 1, Pass::kBackward, 20, 40);
  // The gradient arrives at 45; recomputation runs 30..50 and holds the backward up for 5.
  builder.add({stage0.transfers, EventKind::kComm, builder.intern("recv.bwd"), 40, 5},
              {.step = 0, .microBatch = 0, .collective = trace::CollectiveKind::kRecv});
  builder.add({stage0.compute, EventKind::kRecompute, builder.intern("fc1"), 30, 20},
              {.step = 0, .microBatch = 0, .stage = 0, .pass = Pass::kBackward, .window = 3});
  add(stage0, 0, Pass::kBackward, 50, 60);
  const auto model = buildStepModel(*std::move(builder).finish());
  ASSERT_TRUE(model);
  expectInvariants(*model);
  const StageStep& stage = model->stageSteps.at(0);
  EXPECT_EQ(stage.recomputeHiddenNs, 15);
  EXPECT_EQ(stage.recomputeExposedNs, 5);
  EXPECT_EQ(causeNs(stage, IdleCause::kWaitDownstream), 20);  // [10, 30)
}

TEST(StepModel, saysWhatIsMissingWhenThereAreNoPasses) {
  TraceBuilder builder;
  const uint32_t rank = builder.addRank({.rank = 0, .device = 0});
  const TrackIndex stream =
      builder.addTrack({.kind = TrackKind::kGpuStream, .rank = rank, .device = 0});
  builder.add({stream, EventKind::kKernel, builder.intern("gemm"), 0, 10});
  const auto model = buildStepModel(*std::move(builder).finish());
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::kCannotAnswer);
  EXPECT_NE(model.error().message.find("no passes of micro-batches"), std::string::npos);
}

TEST(IdleCause, namesAreDistinctKeys) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kIdleCauseCount; ++i) names.insert(name(static_cast<IdleCause>(i)));
  EXPECT_EQ(names.size(), kIdleCauseCount);
  EXPECT_EQ(name(IdleCause::kWaitUpstream), "waitUpstream");
}

}  // namespace
}  // namespace caracal::analysis
