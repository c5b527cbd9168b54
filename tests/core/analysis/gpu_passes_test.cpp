// Passes of micro-batches out of kernels: traces in the shapes that frameworks leave behind.
#include "core/analysis/gpu_passes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/analysis/rank_idle.h"
#include "core/analysis/run_graph.h"
#include "core/analysis/structure.h"
#include "tests/core/analysis/pass_fixture.h"

namespace caracal::analysis {
namespace {

using namespace fixture;
using testing::HasSubstr;
using trace::CollectiveKind;
using trace::TraceBuilder;
using TracePtr = std::shared_ptr<const trace::Trace>;

// torch.distributed.pipelining: stage and micro-batch in the names, peers in the metadata.
TEST(GpuPasses, torchPipeliningNamesPassesStagesAndMicroBatches) {
  TraceBuilder builder;
  GpuRank first(builder, 0);
  GpuRank last(builder, 1);
  forward(first, "PP:0F0", 0, 20);  // kernel 5-25
  first.launched(6, 1, 20, kSendRecvKernel, 25, 30,
                 {.peer = 1, .collective = CollectiveKind::kSend});
  last.launched(6, 1, 20, kSendRecvKernel, 10, 30,
                {.peer = 0, .collective = CollectiveKind::kRecv});
  forward(last, "PP:1F0", 25, 20);   // kernel 30-50
  backward(last, "PP:1B0", 50, 40);  // kernel 55-95
  last.launched(60, 1, 20, kSendRecvKernel, 95, 100,
                {.peer = 0, .collective = CollectiveKind::kSend});
  first.launched(40, 1, 20, kSendRecvKernel, 60, 100,
                 {.peer = 1, .collective = CollectiveKind::kRecv});
  backward(first, "PP:0B0", 95, 40);  // kernel 100-140
  const StepModel model = modelOf(std::move(builder));
  ASSERT_EQ(model.stageSteps.size(), 2u);
  EXPECT_EQ(model.stageCount, 2);
  EXPECT_EQ(passesOf(model.stageSteps[0]), "F0[5,25) B0[100,140)");
  EXPECT_EQ(passesOf(model.stageSteps[1]), "F0[30,50) B0[55,95)");
  EXPECT_EQ(model.stageSteps[0].pipelineWindow, (Span{5, 140}));
  EXPECT_EQ(model.stageSteps[0].bubbleNs, 75);
  // Until its gradient came at 100; of the second stage: nothing before 30 is its own doing.
  EXPECT_EQ(causeNs(model.stageSteps[0], IdleCause::kWaitDownstream), 75);
  EXPECT_EQ(causeNs(model.stageSteps[1], IdleCause::kWarmup), 25);
  EXPECT_EQ(causeNs(model.stageSteps[1], IdleCause::kLaunch), 5);  // 50-55: launched at 52
  EXPECT_EQ(causeNs(model.stageSteps[1], IdleCause::kCooldown), 45);
  EXPECT_THAT(factOf(model, "passes:"), HasSubstr("torch.distributed.pipelining"));
  EXPECT_THAT(factOf(model, "pipeline stages: 2"), HasSubstr("stages that the annotations name"));
}

TEST(GpuPasses, interleavedStagesBecomeChunks) {
  TraceBuilder builder;
  for (int32_t r = 0; r < 2; ++r) {
    GpuRank gpu(builder, r);
    for (int32_t chunk = 0; chunk < 2; ++chunk)
      forward(gpu, fmt::format("PP:{}F0", r + 2 * chunk), 100 * chunk + 50 * r, 10);
    for (int32_t chunk = 1; chunk >= 0; --chunk)
      backward(gpu, fmt::format("PP:{}B0", r + 2 * chunk), 400 - 100 * chunk + 50 - 50 * r, 10);
  }
  const StepModel model = modelOf(std::move(builder));
  EXPECT_EQ(model.stageCount, 2);
  EXPECT_EQ(model.chunks, 2);
  EXPECT_EQ(model.stageSteps[1].passes.front().chunk, 0);
  EXPECT_EQ(model.stageSteps[1].passes.back().chunk, 0);
}

TEST(GpuPasses, stagesInAVAreNotTakenForChunks) {
  TraceBuilder builder;
  for (int32_t r = 0; r < 2; ++r) {
    GpuRank gpu(builder, r);
    for (const int32_t stage : {r, 3 - r}) {
      forward(gpu, fmt::format("PP:{}F0", stage), 100 * stage, 10);
      backward(gpu, fmt::format("PP:{}B0", stage), 1000 - 100 * stage, 10);
    }
  }
  EXPECT_THAT(whyNot(std::move(builder)), HasSubstr("no chunks of an interleaved schedule"));
}

// GPipe of torch.distributed.pipelining: receives inside the ranges, no stage in the names.
TEST(GpuPasses, stagesFollowFromWhoSendsToWhom) {
  TraceBuilder builder;
  GpuRank late(builder, 4);
  GpuRank early(builder, 7);
  for (int i = 0; i < 2; ++i) {
    forward(early, fmt::format("Forward {}", i), 20 * i, 10);
    early.launched(20 * i + 3, 1, 20, kSendRecvKernel, 20 * i + 15, 20 * i + 18,
                   {.peer = 4, .collective = CollectiveKind::kSend});
    forward(late, fmt::format("Forward {}", i), 100 + 20 * i, 10);
    late.launched(100 + 20 * i, 1, 20, kSendRecvKernel, 100 + 20 * i + 1, 100 + 20 * i + 4,
                  {.peer = 7, .collective = CollectiveKind::kRecv});
  }
  for (int i = 0; i < 2; ++i) {
    backward(late, fmt::format("Backward {}", i), 200 + 20 * i, 10);
    backward(early, fmt::format("Backward {}", i), 300 + 20 * i, 10);
  }
  const StepModel model = modelOf(std::move(builder));
  ASSERT_EQ(model.stageCount, 2);
  EXPECT_EQ(model.stageSteps[0].rankIndex, 1u);  // rank 7
  EXPECT_EQ(passesOf(model.stageSteps[0]), "F0[5,15) F1[25,35) B0[305,315) B1[325,335)");
  EXPECT_EQ(model.schedule, "GPipe");
  EXPECT_THAT(factOf(model, "pipeline stages"), HasSubstr("who sends to whom"));
}

TEST(GpuPasses, aPipelineOfWhichRanksAreMissingIsNotPlaced) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  forward(gpu, "Forward 0", 0, 10);
  gpu.launched(3, 1, 20, kSendRecvKernel, 15, 18, {.peer = 1, .collective = CollectiveKind::kSend});
  backward(gpu, "Backward 0", 100, 10);
  EXPECT_THAT(whyNot(std::move(builder)), HasSubstr("not all ranks of the pipeline"));
}

// Megatron-LM under nsys: names without numbers, no step marks but the optimizer, groups described.
TEST(GpuPasses, unnumberedRangesAreNumberedInOrderBetweenOptimizers) {
  TraceBuilder builder;
  builder.addGroup(
      {.name = "p", .description = "PIPELINE_MODEL_PARALLEL_GROUP", .ranks = {0, 2}, .size = 2});
  for (const int32_t r : {0, 2}) {
    GpuRank gpu(builder, r);
    for (int step = 0; step < 3; ++step) {
      const int64_t t = 1000 * step + r * 20;
      for (int i = 0; i < 2; ++i) forward(gpu, "forward_step", t + 50 * i, 10);
      for (int i = 0; i < 2; ++i) backward(gpu, "backward_step", t + 200 + 50 * i, 10);
      gpu.onThread(1);
      gpu.annotation("Optimizer.step#FusedAdam.step", t + 400, t + 410);
      gpu.launched(t + 401, 1, 7, "adam", t + 402, t + 420);
    }
  }
  const StepModel model = modelOf(std::move(builder));
  EXPECT_EQ(model.stageCount, 2);
  EXPECT_EQ(model.microBatches, 2);
  ASSERT_EQ(model.steps.size(), 3u);
  EXPECT_EQ(model.steps[1].stepNs, 1000);
  EXPECT_EQ(passesOf(model.stageSteps[2]),
            "F0[1005,1015) F1[1055,1065) B0[1205,1215) B1[1255,1265)");
  EXPECT_THAT(factOf(model, "pipeline stages"), HasSubstr("process group"));
}

TEST(GpuPasses, unequalNumbersOfUnnumberedRangesAreRefused) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  for (int i = 0; i < 3; ++i) forward(gpu, "forward", 50 * i, 10);  // one per layer, say
  backward(gpu, "backward", 300, 10);
  EXPECT_THAT(whyNot(std::move(builder)), HasSubstr("3 forward and 1 backward"));
}

// vLLM, SGLang and other inference: nothing runs backward.
TEST(GpuPasses, inferenceIsNoTraining) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  for (int i = 0; i < 3; ++i) forward(gpu, "forward", 50 * i, 10);
  EXPECT_THAT(whyNot(std::move(builder)), HasSubstr("inference"));
}

TEST(GpuPasses, rangesWhoseLaunchesAreNotRecordedTellNothing) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  gpu.annotation("Forward 0", 0, 10);
  gpu.annotation("Backward 0", 20, 30);
  gpu.work(7, "gemm", 5, 9);
  gpu.work(7, "gemm", 25, 29);
  EXPECT_THAT(whyNot(std::move(builder)), HasSubstr("no GPU work is recorded as launched"));
}

// A thread without name or operators that only ever launches while backward is open is autograd's;
// one that launches at other times too is not.
TEST(GpuPasses, backwardThreadsAreKnownByWhenTheyLaunch) {
  for (const bool alsoOutside : {false, true}) {
    TraceBuilder builder;
    GpuRank gpu(builder, 0);
    forward(gpu, "Forward 0", 0, 10);
    gpu.annotation("Backward 0", 20, 30);
    gpu.onThread(5);
    gpu.launched(22, 1, 7, "gemm", 25, 40);
    if (alsoOutside) gpu.launched(50, 1, 7, "gemm", 55, 60);
    if (alsoOutside) {
      EXPECT_THAT(whyNot(std::move(builder)), HasSubstr("backward ranges"));
    } else {
      EXPECT_EQ(passesOf(modelOf(std::move(builder)).stageSteps[0]), "F0[5,15) B0[25,40)");
    }
  }
}

// Zero-bubble's fork: F, B and W of numbered micro-batches.
TEST(GpuPasses, weightPassesAreTheirOwn) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  for (int step = 0; step < 2; ++step) {
    const int64_t t = 1000 * step;
    forward(gpu, "F0.0.0", t, 10);
    backward(gpu, "B0.0.1", t + 50, 10);
    backward(gpu, "W0.0.2", t + 100, 10);
  }
  const StepModel model = modelOf(std::move(builder));
  ASSERT_EQ(model.steps.size(), 2u);  // F0 again: the next step
  EXPECT_EQ(passesOf(model.stageSteps[0]), "F0[5,15) B0[55,65) W0[105,115)");
}

TEST(GpuPasses, aHintNamesTheAnnotations) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  forward(gpu, "my fwd", 0, 10);
  backward(gpu, "my bwd", 50, 10);
  forward(gpu, "Forward 0", 100, 10);
  const auto hint = parseHint(R"({"schema": "caracal.hint/1", "forwardAnnotation": "my fwd",
      "backwardAnnotation": "my bwd"})");
  ASSERT_TRUE(hint);
  const auto hinted = applyHint(std::move(builder).finish(), *hint);
  ASSERT_TRUE(hinted);
  const auto model = buildStepModel(*prepareRun(*hinted, {}).trace);
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_EQ(passesOf(model->stageSteps[0]), "F0[5,15) B0[55,65)");
}

// The marked trace is the same trace with lanes more: nothing else reads differently.
TEST(GpuPasses, marksLeaveKernelsAndGraphAlone) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  forward(gpu, "Forward 0", 0, 10);
  backward(gpu, "Backward 0", 50, 10);
  const TracePtr trace = std::move(builder).finish();
  const PreparedRun run = prepareRun(trace, {});
  ASSERT_EQ(run.trace->eventCount(), trace->eventCount() + 2);
  for (trace::EventIndex e = 0; e < trace->eventCount(); ++e) {
    EXPECT_EQ(run.trace->span(e), trace->span(e));
    EXPECT_EQ(run.trace->name(e), trace->name(e));
    EXPECT_EQ(run.trace->launch(e), trace->launch(e));
  }
  PreparedRun unmarked = run;
  unmarked.trace = trace;
  EXPECT_EQ(buildRunGraph(run, {})->graph.nodes.size(),
            buildRunGraph(unmarked, {})->graph.nodes.size());
  EXPECT_EQ(explainRanks(run, {})[0].causes, explainRanks(unmarked, {})[0].causes);
}

}  // namespace
}  // namespace caracal::analysis
