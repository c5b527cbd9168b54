// What is known of a run's layout, how, and that unknown is said.
#include "core/analysis/structure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/analysis/annotation_names.h"
#include "core/analysis/profiler_steps.h"
#include "core/analysis/step_names.h"
#include "tests/core/analysis/gpu_fixture.h"
#include "tests/core/analysis/schedule_fixture.h"

namespace caracal::analysis {
namespace {

using fixture::GpuRank;
using testing::HasSubstr;
using trace::Pass;
using trace::TraceBuilder;

TEST(AnnotationNames, sayFrameworkPassStageAndMicroBatch) {
  const auto forward = meaningOf("PP:2F13");
  EXPECT_EQ(forward.framework, Framework::kTorchPipelining);
  EXPECT_EQ(forward.pass, Pass::kForward);
  EXPECT_EQ(forward.stage, 2);
  EXPECT_EQ(forward.microBatch, 13);
  EXPECT_EQ(meaningOf("PP:0I1").pass, Pass::kBackward);
  EXPECT_EQ(meaningOf("PP:0W1").pass, Pass::kWeight);
  EXPECT_EQ(meaningOf("PP:1SEND_F4").pass, Pass::kNone);
  EXPECT_EQ(meaningOf("PP:1SEND_F4").microBatch, 4);
  EXPECT_EQ(meaningOf("PP:3UNSHARD").stage, 3);
  const auto recompute = meaningOf("R3.0.12");
  EXPECT_EQ(recompute.framework, Framework::kZeroBubble);
  EXPECT_EQ(recompute.pass, Pass::kRecompute);
  EXPECT_EQ(recompute.microBatch, 3);
  EXPECT_EQ(meaningOf("mlp(W)").framework, Framework::kDualPipe);
  EXPECT_EQ(meaningOf("mlp(W)").pass, Pass::kWeight);
  EXPECT_EQ(meaningOf("DeepSpeedEngine.forward").framework, Framework::kDeepSpeed);
  EXPECT_EQ(meaningOf("FSDP::all_gather (x)").framework, Framework::kFsdp);
  EXPECT_EQ(meaningOf("a.b.forward_backward_pipelining_with_interleaving.warmup").framework,
            Framework::kMegatron);
  EXPECT_EQ(meaningOf("ncclAllReduce").framework, Framework::kNccl);
  EXPECT_EQ(meaningOf("nccl:all_reduce").framework, Framework::kNccl);
}

TEST(AnnotationNames, passesInWordsAreRead) {
  struct Case {
    const char* name;
    Pass pass;
    int32_t stage, microBatch, chunk;
  };
  for (const Case& c :
       {Case{"Forward stage 1 mb 3", Pass::kForward, 1, 3, -1},
        Case{"Stage 1 Forward", Pass::kForward, 1, -1, -1},
        Case{"Backward 7", Pass::kBackward, -1, 7, -1},
        Case{"3_forward", Pass::kForward, -1, 3, -1},
        Case{"forward_2", Pass::kForward, -1, 2, -1},
        Case{"forward_step", Pass::kForward, -1, -1, -1},
        Case{"BackwardPass", Pass::kBackward, -1, -1, -1},
        Case{"backward micro_batch=4 chunk=1", Pass::kBackward, -1, 4, 1},
        Case{"## forward ##", Pass::kForward, -1, -1, -1},
        Case{"bwd", Pass::kBackward, -1, -1, -1},
        Case{"optimizer", Pass::kOptimizer, -1, -1, -1},
        Case{"B2.1.17", Pass::kBackward, -1, 2, 1},
        Case{"megatron.core.pipeline_parallel.schedules.backward_step", Pass::kBackward, -1, -1,
             -1},
        Case{"DeepSpeedEngine.backward", Pass::kBackward, -1, -1, -1},
        Case{"DistributedDataParallel.forward", Pass::kForward, -1, -1, -1},
        Case{"PipelineEngine._exec_backward_pass", Pass::kBackward, -1, -1, -1},
        Case{"bwd_microstep", Pass::kBackward, -1, -1, -1},
        Case{"fprop", Pass::kForward, -1, -1, -1},
        Case{"bprop 3", Pass::kBackward, -1, 3, -1},
        Case{"loss.backward()", Pass::kBackward, -1, -1, -1},
        Case{"[pl][profile][Strategy]FSDPStrategy.training_step", Pass::kForward, -1, -1, -1},
        Case{"Optimizer.step#Adam.step", Pass::kOptimizer, -1, -1, -1}}) {
    const AnnotationMeaning meaning = meaningOf(c.name);
    EXPECT_EQ(meaning.pass, c.pass) << c.name;
    EXPECT_EQ(meaning.stage, c.stage) << c.name;
    EXPECT_EQ(meaning.microBatch, c.microBatch) << c.name;
    EXPECT_EQ(meaning.chunk, c.chunk) << c.name;
  }
}

TEST(AnnotationNames, whatOnlyLooksAlikeIsUnknown) {
  for (const char* name : {"",
                           "PP:",
                           "PP:F3",
                           "PP:0X3",
                           "PP:0F3x",
                           "PP:0F-1",
                           "F3.0",
                           "F3.0.x",
                           "Fancy",
                           "attn",
                           "attn(X)",
                           "ncclDevKernel_AllReduce",
                           "nccl",
                           "step",
                           "forward_run_0",
                           "forward_step 3",
                           "TransformerLayer.forward",
                           "forward backward",
                           "gpu_model_runner: forward",
                           "stage 1",
                           "forward stage",
                           "Forward 1 2",
                           "straightforward",
                           "bwd_inner_microstep",
                           "Optimizer.zero_grad#Adam.zero_grad"})
    EXPECT_EQ(meaningOf(name).framework, Framework::kUnknown) << name;
}

TEST(StepNames, numbersOfStepsAreRead) {
  for (const auto& [name, number] :
       std::initializer_list<std::pair<const char*, int32_t>>{{"iteration12", 12},
                                                              {"Iteration #3", 3},
                                                              {"train_step 7", 7},
                                                              {"step:4", 4},
                                                              {"Training Step 9", 9},
                                                              {"global_step=2", 2},
                                                              {"iter_0", 0}}) {
    const auto step = numberedStep(name);
    ASSERT_TRUE(step) << name;
    EXPECT_EQ(step->number, number) << name;
  }
  for (const char* name : {"", "step", "Step 0 to 25", "step 3/10", "batch 3", "epoch 2", "3",
                           "substep 4", "step 99999999999", "PP:0F3"})
    EXPECT_FALSE(numberedStep(name)) << name;
}

// Two words count steps: the one whose ranges cover more is the step.
TEST(StepNames, theLongerRangesAreTheSteps) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  for (int i = 0; i < 2; ++i) {
    gpu.annotation("iteration " + std::to_string(i + 5), 100 * i, 100 * i + 90);
    gpu.annotation("step " + std::to_string(2 * i), 100 * i, 100 * i + 40);
    gpu.annotation("step " + std::to_string(2 * i + 1), 100 * i + 40, 100 * i + 80);
  }
  const auto trace = std::move(builder).finish();
  const ProfilerSteps steps(*trace);
  EXPECT_EQ(steps.stepAt(0, 50), 5);
  EXPECT_EQ(steps.stepAt(0, 150), 6);
  EXPECT_THAT(steps.foundBy(), HasSubstr("iteration"));
}

TEST(StepNames, rangesThatOverlapOrCountBackwardsAreNoSteps) {
  for (const auto& [second, beginNs] : {std::pair{"iteration 1", 50}, {"iteration 0", 100}}) {
    TraceBuilder builder;
    GpuRank gpu(builder, 0);
    gpu.annotation("iteration 0", 0, 90);
    gpu.annotation(second, beginNs, beginNs + 90);
    const auto trace = std::move(builder).finish();
    EXPECT_TRUE(ProfilerSteps(*trace).ofRank(0).empty()) << second;
  }
}

std::string factOf(const Structure& structure, const std::string& part) {
  for (const Fact& fact : structure.facts) {
    if (fact.what.find(part) != std::string::npos) return fact.what + " | " + fact.foundBy;
  }
  return {};
}

TEST(Structure, annotationsAndGroupsPlaceRanks) {
  TraceBuilder builder;
  builder.addGroup(
      {.name = "t0", .description = "TENSOR_MODEL_PARALLEL_GROUP", .ranks = {0, 1}, .size = 2});
  for (int32_t r = 0; r < 2; ++r) {
    GpuRank gpu(builder, r);
    for (int i = 0; i < 4; ++i) gpu.annotation("PP:1F" + std::to_string(i), i * 10, i * 10 + 5);
  }
  const Structure structure = inferStructure(*std::move(builder).finish());
  EXPECT_EQ(structure.ranks[1].place.stage, 1);
  EXPECT_EQ(structure.ranks[1].stageFrom, "stage named by annotations");
  EXPECT_EQ(structure.ranks[1].place.tensorIndex, 1);
  EXPECT_EQ(structure.ranks[1].place.dataIndex, -1);
  EXPECT_THAT(factOf(structure, "pipeline stages"), HasSubstr("pipeline stages: 2"));
  EXPECT_THAT(factOf(structure, "tensor-parallel size"), HasSubstr("2 | place in its process"));
  EXPECT_THAT(factOf(structure, "data-parallel size"), HasSubstr("cannot tell"));
  EXPECT_THAT(factOf(structure, "micro-batches of stage 1"), HasSubstr(": 4"));
}

// The trace of one rank: its groups tell sizes, not the ranks that happen to be open.
TEST(Structure, sizesAreThoseOfTheRunNotOfTheRanksOpened) {
  TraceBuilder builder;
  builder.addGroup({.name = "t", .description = "mesh_tp", .ranks = {4, 5}, .size = 2});
  builder.addGroup(
      {.name = "d", .description = "mesh_dp_shard", .ranks = {1, 5, 9, 13}, .size = 4});
  GpuRank gpu(builder, 5);
  gpu.work(7, "gemm", 0, 10);
  const Structure structure = inferStructure(*std::move(builder).finish());
  EXPECT_EQ(structure.tensorSize, 2);
  EXPECT_EQ(structure.dataSize, 4);
  EXPECT_EQ(structure.stageCount, 0);
  EXPECT_THAT(factOf(structure, "tensor-parallel size"), HasSubstr("size: 2; 1 of them in the"));
  EXPECT_THAT(factOf(structure, "data-parallel size"), HasSubstr("size: 4; 1 of them in the"));
}

TEST(Structure, severalStagesOnOneRankAreNotOne) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  gpu.annotation("PP:0F0", 0, 5);
  gpu.annotation("PP:4F0", 10, 15);
  const Structure structure = inferStructure(*std::move(builder).finish());
  EXPECT_EQ(structure.ranks[0].place.stage, -1);
}

TEST(Structure, aCutListOfRanksIsNoEvidence) {
  TraceBuilder builder;
  builder.addGroup(
      {.name = "t", .description = "TENSOR_MODEL_PARALLEL_GROUP", .ranks = {0, 1}, .size = 64});
  GpuRank gpu(builder, 1);
  gpu.work(7, "gemm", 0, 10);
  EXPECT_EQ(inferStructure(*std::move(builder).finish()).ranks[0].place.tensorIndex, -1);
}

TEST(Structure, aHintWinsAndSaysSo) {
  TraceBuilder builder;
  GpuRank gpu(builder, 3);
  gpu.annotation("PP:1F0", 0, 5);
  gpu.annotation("my step", 0, 50);
  gpu.annotation("my step", 50, 100);
  const auto hint = parseHint(R"({"schema": "caracal.hint/1", "stepAnnotation": "my step",
      "ranks": [{"rank": 3, "stage": 2, "tensor": 1}]})");
  ASSERT_TRUE(hint) << hint.error().text();
  const auto trace = applyHint(std::move(builder).finish(), *hint);
  ASSERT_TRUE(trace) << trace.error().text();
  EXPECT_EQ((*trace)->ranks()[0].stage, 2);
  EXPECT_EQ((*trace)->ranks()[0].dataIndex, -1);
  const Structure structure = inferStructure(**trace, *hint);
  EXPECT_EQ(structure.ranks[0].stageFrom, "hint");
  EXPECT_THAT(factOf(structure, "steps: "), HasSubstr("steps: 2 | hint: my step"));
  EXPECT_EQ(ProfilerSteps(**trace).stepAt(0, 60), 1);
}

// Stage numbers of a pipeline turned round by a hint: the model follows.
TEST(Structure, theStepModelFollowsAHint) {
  fixture::PipelineOptions options;
  options.stages = 2;
  StructureHint hint;
  hint.ranks = {{.rank = 0, .stage = 1}, {.rank = 1, .stage = 0}};
  const auto trace = applyHint(fixture::playPipeline(options), hint);
  ASSERT_TRUE(trace);
  const auto model = buildStepModel(**trace);
  ASSERT_TRUE(model);
  EXPECT_EQ(model->stageSteps[0].rankIndex, 1u);
}

TEST(Structure, wrongHintsAreRefusedInWords) {
  EXPECT_FALSE(parseHint("{}"));
  EXPECT_FALSE(parseHint(R"({"schema": "caracal.hint/1", "ranks": [{"stage": 1}]})"));
  EXPECT_FALSE(parseHint(R"({"schema": "caracal.hint/1", "tp": 2})"));
  const auto trace = fixture::playPipeline({});
  EXPECT_EQ(applyHint(trace, {.ranks = {{.rank = 99}}}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(applyHint(trace, {.stepAnnotation = "no such"}).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace caracal::analysis
