// What is refused before a rank starts, and in which words.
#include "runtime/executor/job.h"

#include <gtest/gtest.h>

#include "runtime/executor/meta.h"
#include "tests/runtime/tiny_model.h"

namespace caracal::executor {
namespace {

std::string refusalOf(const profile::ModelDescription& model) {
  const auto job = jobFromModel(model);
  return job ? "accepted" : job.error().text();
}

TEST(Job, refusesModelsThisBackendCannotTrain) {
  profile::ModelDescription model = test::tinyModel();
  model.shape.bytesPerElement = 2;
  EXPECT_NE(refusalOf(model).find("bytesPerElement to 4"), std::string::npos) << refusalOf(model);

  model = test::tinyModel();
  model.shape.vocabulary = 100;
  EXPECT_NE(refusalOf(model).find("at least 256"), std::string::npos) << refusalOf(model);

  model = test::tinyModel();
  model.fusedAttention = true;
  EXPECT_NE(refusalOf(model).find("fused attention"), std::string::npos) << refusalOf(model);

  model = test::tinyModel();
  model.parallel.tensor = 3;
  EXPECT_NE(refusalOf(model).find("heads"), std::string::npos) << refusalOf(model);

  model = test::tinyModel();
  model.shape.sequence = 6;
  EXPECT_NE(refusalOf(model).find("multiples of 4"), std::string::npos) << refusalOf(model);
}

TEST(Job, refusesDualPipeInWords) {
  test::Sizes sizes;
  sizes.pipeline = 2;
  const auto job = jobFromModel(test::tinyModel(sizes), "dualpipe");
  ASSERT_FALSE(job);
  EXPECT_NE(job.error().text().find("on two devices"), std::string::npos) << job.error().text();
}

plan::PlanDocument documentWith(const std::string& placements) {
  test::Sizes sizes;
  sizes.tensor = 2;
  sizes.pipeline = 2;
  return test::planDocument(test::tinyModel(sizes),
                            [&](int32_t, int32_t) { return test::LayerText{placements}; });
}

TEST(Job, refusesAPlanInAnImpossibleOrderByStageLayerAndOperator) {
  const auto job = jobFromPlan(documentWith("scores=discarded softmax=onDemand"));
  ASSERT_FALSE(job);
  for (const char* word : {"stage 0", "layer 0", "softmax", "scores"}) {
    EXPECT_NE(job.error().text().find(word), std::string::npos) << job.error().text();
  }
}

TEST(Job, refusesAPlanForOtherOperatorsByName) {
  plan::PlanDocument document = documentWith("");
  document.operatorIds[3][8] = "all_to_all";
  const auto job = jobFromPlan(document);
  ASSERT_FALSE(job);
  EXPECT_NE(job.error().text().find("layer 3"), std::string::npos) << job.error().text();
}

TEST(Job, aPlanKeepsItsHashesAndDoesNotDependOnTheOrderOfOperators) {
  plan::PlanDocument document = documentWith("act=onDemand");
  const auto job = jobFromPlan(document);
  ASSERT_TRUE(job) << job.error().text();
  EXPECT_EQ(job->profileHash, "0123456789abcdef");
  EXPECT_EQ(job->planHash, plan::hashOf(document.plan));

  for (size_t layer = 0; layer < 4; ++layer) {
    auto& placements = document.plan.stages[layer / 2].layers[layer % 2].placements;
    std::reverse(placements.begin(), placements.end());
    std::reverse(document.operatorIds[layer].begin(), document.operatorIds[layer].end());
  }
  const auto reversed = jobFromPlan(document);
  ASSERT_TRUE(reversed) << reversed.error().text();
  EXPECT_EQ(reversed->plan.stages, job->plan.stages);
}

TEST(Job, aModelAloneKeepsAllAndSpreadsLayersEvenly) {
  test::Sizes sizes;
  sizes.pipeline = 3;
  const auto job = jobFromModel(test::tinyModel(sizes));
  ASSERT_TRUE(job) << job.error().text();
  EXPECT_EQ(job->plan.partition(), (std::vector<int32_t>{2, 1, 1}));
  EXPECT_EQ(job->plan.policy, "none");
}

TEST(Job, aPlanThatOverflowsItsBudgetByAByteIsRefusedBeforeItStarts) {
  plan::PlanDocument document = documentWith("");
  const auto measured = jobFromPlan(document);
  ASSERT_TRUE(measured) << measured.error().text();
  for (int32_t stage = 0; stage < 2; ++stage) {
    document.plan.stages[static_cast<size_t>(stage)].budgetBytes =
        predictedMemory(*measured, stage).peakBytes();
  }
  EXPECT_TRUE(checkBudgets(*jobFromPlan(document)));
  --document.plan.stages[1].budgetBytes;
  const auto checked = checkBudgets(*jobFromPlan(document));
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::kInfeasible);
  EXPECT_NE(checked.error().message.find("stage 1"), std::string::npos) << checked.error().text();
}

TEST(Job, aModelLargerThanTheMachineIsRefusedBeforeItStarts) {
  profile::ModelDescription model = test::tinyModel();
  model.shape.hidden = 65536;
  model.shape.layers = 400;
  const auto job = jobFromModel(model);
  ASSERT_TRUE(job) << job.error().text();
  const auto checked = checkMemory(*job);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::kOutOfMemory);
}

TEST(Meta, namesClockTagLinksAndSizes) {
  test::Sizes sizes;
  sizes.tensor = 2;
  sizes.pipeline = 2;
  const auto job = jobFromModel(test::tinyModel(sizes));
  ASSERT_TRUE(job);
  RunOptions options = test::quickOptions();
  options.links.tensor = {123, 5e8};
  auto meta = metaOf(*job, options, "built-in");
  EXPECT_EQ(meta["clock"], "virtual");
  EXPECT_EQ(meta["tag"], "emulated");
  EXPECT_EQ(meta["link.tensor.latencyNs"], "123");
  EXPECT_EQ(std::stod(meta["link.tensor.bytesPerSecond"]), 5e8);
  EXPECT_EQ(meta["partition"], "2,2");
  EXPECT_EQ(meta["staticBytes.1"], std::to_string(predictedMemory(*job, 1).staticBytes));
  const auto model = profile::modelFromJson(meta["model"]);
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_EQ(model->shape, job->model.shape);
  EXPECT_EQ(model->parallel, job->model.parallel);
}

TEST(Meta, oneRankOnTheWallClockIsMeasured) {
  const auto job = jobFromModel(test::tinyModel());
  ASSERT_TRUE(job);
  RunOptions options = test::quickOptions();
  EXPECT_EQ(tagOf(*job, options), trace::Tag::kEmulated);
  options.clock = comm::ClockKind::kWall;
  EXPECT_EQ(tagOf(*job, options), trace::Tag::kMeasured);
}

}  // namespace
}  // namespace caracal::executor
