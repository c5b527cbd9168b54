// Passes of micro-batches by PyTorch's autograd links, where annotations do not name them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/analysis/pass_fixture.h"

namespace caracal::analysis {
namespace {

using namespace fixture;
using testing::HasSubstr;
using trace::TraceBuilder;

// An operator of the main thread and its backward one on the autograd thread, with a kernel each.
void linkedOperators(TraceBuilder& builder, GpuRank& gpu, int64_t forwardNs, int64_t backwardNs) {
  gpu.onThread(1);
  const auto forward = gpu.host(trace::EventKind::kCpuOp, "aten::mm", forwardNs, forwardNs + 4);
  gpu.launched(forwardNs + 1, 1, 7, "gemm", forwardNs + 5, forwardNs + 9);
  gpu.onThread(kAutograd);
  gpu.host(trace::EventKind::kCpuOp, "autograd::engine::evaluate_function: MmBackward0", backwardNs,
           backwardNs + 4);
  const auto backward =
      gpu.host(trace::EventKind::kCpuOp, "MmBackward0", backwardNs, backwardNs + 3);
  gpu.launched(backwardNs + 1, 1, 7, "gemm", backwardNs + 5, backwardNs + 9);
  builder.addFlow(forward, backward, trace::FlowKind::kForwardBackward);
}

// Gradient accumulation without any annotation: PyTorch's links alone.
TEST(GpuPasses, autogradsLinksTellThePassesOfOneMicroBatchAfterTheOther) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  for (const int64_t t : {0, 100}) {
    linkedOperators(builder, gpu, t, t + 60);
    linkedOperators(builder, gpu, t + 10, t + 50);
    gpu.host(trace::EventKind::kCpuOp, "autograd::engine::evaluate_function: AccumulateGrad",
             t + 70, t + 72);
    gpu.launched(t + 71, 1, 7, "add", t + 75, t + 80);
  }
  const StepModel model = modelOf(std::move(builder));
  EXPECT_EQ(passesOf(model.stageSteps[0]), "F0[5,19) B0[55,80) F1[105,119) B1[155,180)");
  EXPECT_THAT(factOf(model, "passes:"), HasSubstr("autograd's links"));
}

// 1F1B without annotations: two forwards before the first backward.
TEST(GpuPasses, linksOfInterleavingMicroBatchesAreRefused) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  linkedOperators(builder, gpu, 0, 40);
  linkedOperators(builder, gpu, 20, 80);
  linkedOperators(builder, gpu, 60, 100);
  EXPECT_THAT(whyNot(std::move(builder)), HasSubstr("interleave"));
}

// DDP: forward is annotated, backward is known by its links.
TEST(GpuPasses, backwardWithoutAnnotationIsWhereTheLinksLead) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  gpu.annotation("ProfilerStep#5", 0, 120);
  gpu.annotation("DistributedDataParallel.forward", 9, 26);
  linkedOperators(builder, gpu, 10, 70);
  linkedOperators(builder, gpu, 20, 60);
  const StepModel model = modelOf(std::move(builder));
  EXPECT_EQ(passesOf(model.stageSteps[0]), "F0[15,29) B0[65,79)");
  EXPECT_EQ(model.stageSteps[0].step, 5);
  EXPECT_THAT(factOf(model, "passes:"), HasSubstr("links for backward"));
}

}  // namespace
}  // namespace caracal::analysis
