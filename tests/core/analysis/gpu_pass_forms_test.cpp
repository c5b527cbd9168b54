// Passes in the forms of other frameworks, and in recordings that hold part of a run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/analysis/pass_fixture.h"

namespace caracal::analysis {
namespace {

using namespace fixture;
using testing::HasSubstr;
using trace::CollectiveKind;
using trace::TraceBuilder;

// One rank of a pipeline of four, all that was opened: its group's list says how many stages there
// are, and its waits for the others are transfers.
TEST(GpuPasses, oneRankOfAPipelineKnowsHowManyStagesThereAre) {
  TraceBuilder builder;
  builder.addGroup({.name = "p",
                    .description = "PIPELINE_MODEL_PARALLEL_GROUP",
                    .ranks = {0, 2, 4, 6},
                    .size = 4});
  GpuRank gpu(builder, 2);
  gpu.launched(1, 1, 20, kSendRecvKernel, 2, 40, {.group = 0, .collective = CollectiveKind::kRecv});
  forward(gpu, "forward_step", 35, 10);
  backward(gpu, "backward_step", 100, 10);
  const StepModel model = modelOf(std::move(builder));
  EXPECT_EQ(model.stageCount, 4);
  EXPECT_EQ(model.stageSteps[0].stage, 1);
  EXPECT_THAT(factOf(model, "pipeline stages"), HasSubstr("pipeline stages: 4"));
  EXPECT_THAT(factOf(model, "pipeline positions"), HasSubstr("3 of 4"));
}

// PyTorch Lightning: the optimizer's step calls training_step and backward as a closure.
TEST(GpuPasses, anOptimizerThatCallsThePassesIsNoOuterRange) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  gpu.annotation("Optimizer.step#Adam.step", 0, 200);
  forward(gpu, "[pl][profile][Strategy]DDPStrategy.training_step", 10, 10);
  backward(gpu, "[pl][profile][Strategy]DDPStrategy.backward", 60, 10);
  gpu.onThread(1);
  gpu.launched(150, 1, 7, "adam", 152, 160);
  const StepModel model = modelOf(std::move(builder));
  EXPECT_EQ(passesOf(model.stageSteps[0]), "F0[15,25) B0[65,75)");
  EXPECT_THAT(factOf(model, "passes:"), HasSubstr("PyTorch Lightning"));
}

// DeepSpeed's timers as ranges, steps as NVTX users number them.
TEST(GpuPasses, numberedIterationsAreSteps) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  for (int step = 0; step < 3; ++step) {
    const int64_t t = 1000 * step;
    gpu.annotation(fmt::format("iteration {}", step + 7), t, t + 900);
    gpu.annotation(fmt::format("step {}", 2 * step), t, t + 10);  // shorter: a part of it
    for (int i = 0; i < 2; ++i) {
      forward(gpu, "fwd_microstep", t + 50 + 200 * i, 10);
      backward(gpu, "bwd_microstep", t + 100 + 200 * i, 10);
    }
    gpu.onThread(1);
    gpu.annotation("step_microstep", t + 600, t + 700);
  }
  const StepModel model = modelOf(std::move(builder));
  ASSERT_EQ(model.steps.size(), 3u);
  EXPECT_EQ(model.steps[0].step, 7);
  EXPECT_EQ(model.microBatches, 2);
  EXPECT_THAT(factOf(model, "passes:"), HasSubstr("DeepSpeed"));
}

TEST(GpuPasses, aRecordingWithoutKernelsSaysSo) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  gpu.annotation("Forward 0", 0, 10);
  EXPECT_THAT(whyNot(std::move(builder)), HasSubstr("holds no GPU kernels"));
}

TEST(GpuPasses, aSlowReplicaIsNamed) {
  TraceBuilder builder;
  builder.addGroup(
      {.name = "d", .description = "DATA_PARALLEL_GROUP", .ranks = {0, 1, 2}, .size = 3});
  for (int32_t r = 0; r < 3; ++r) {
    GpuRank gpu(builder, r);
    forward(gpu, "Forward 0", 0, 10);
    backward(gpu, "Backward 0", 50, r == 1 ? 100 : 20);
  }
  EXPECT_THAT(factOf(modelOf(std::move(builder)), "is slow"),
              HasSubstr("replica 1 is slow: its pipeline takes 150 ns a step, the others' 70 ns"));
}

}  // namespace
}  // namespace caracal::analysis
