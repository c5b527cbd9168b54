#include "app/runs/slice.h"

#include <gtest/gtest.h>

namespace caracal::runs {
namespace {

plan::Plan planOf(int32_t stages, int32_t layersOfStage) {
  plan::Plan plan;
  plan.name = "large";
  plan.model.layers = stages * layersOfStage;
  plan.model.hidden = 64;
  plan.model.heads = 8;
  plan.model.sequence = 16;
  plan.model.vocabulary = 256;
  plan.model.bytesPerElement = 4;
  plan.parallel.pipeline = stages;
  plan.parallel.tensor = 8;
  plan.parallel.data = 4;
  plan.parallel.microBatches = 32;
  for (int32_t s = 0; s < stages; ++s) {
    plan.stages.push_back({s * layersOfStage, {}, 1000});
    plan.stages.back().layers.resize(static_cast<size_t>(layersOfStage));
  }
  return plan;
}

TEST(Slice, keepsTheFirstStagesAndTheLastAndTheirLowestLayers) {
  const auto slice = sliceOf(planOf(6, 3), {.stages = 3, .layers = 2, .tensor = 4});
  ASSERT_TRUE(slice) << slice.error().text();
  EXPECT_EQ(slice->stagesOfPlan, (std::vector<int32_t>{0, 1, 5}));
  EXPECT_EQ(slice->layersOfPlan, (std::vector<int32_t>{0, 1, 3, 4, 15, 16}));
  EXPECT_EQ(slice->model.parallel.tensor, 4);
  EXPECT_EQ(slice->model.parallel.data, 1);
  EXPECT_EQ(slice->model.parallel.microBatches, 6) << "two for each stage";
  EXPECT_EQ(slice->model.shape.layers, 6);
  EXPECT_EQ(slice->cuts.size(), 5U);
}

TEST(Slice, isNeverMoreThanThePlan) {
  plan::Plan plan = planOf(1, 1);
  plan.parallel.tensor = 1;
  plan.parallel.data = 1;
  plan.parallel.microBatches = 2;
  const auto slice = sliceOf(plan, {.stages = 4, .layers = 9, .tensor = 2, .microBatches = 64});
  ASSERT_TRUE(slice) << slice.error().text();
  EXPECT_TRUE(slice->cuts.empty());
  EXPECT_EQ(slice->model.parallel, plan.parallel);
}

TEST(Slice, refusesSeveralChunksOnAStage) {
  plan::Plan plan = planOf(4, 2);
  plan.parallel.pipeline = 2;
  plan.schedule = "interleaved:2";
  const auto slice = sliceOf(plan, {});
  ASSERT_FALSE(slice);
  EXPECT_EQ(slice.error().code, ErrorCode::kUnsupported);
}

TEST(Slice, isWrittenInWords) {
  const auto shape = sliceShapeFromText("layers=3,microbatches=8");
  ASSERT_TRUE(shape) << shape.error().text();
  EXPECT_EQ(shape->layers, 3);
  EXPECT_EQ(shape->microBatches, 8);
  EXPECT_EQ(shape->stages, 0);
  EXPECT_TRUE(sliceShapeFromText(""));
  for (const char* wrong : {"layers", "layers=", "layers=0", "rows=2", "layers=1,layers=2", "="})
    EXPECT_FALSE(sliceShapeFromText(wrong)) << wrong;
}

}  // namespace
}  // namespace caracal::runs
