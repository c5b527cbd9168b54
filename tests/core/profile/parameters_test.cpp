#include "core/profile/parameters.h"

#include <gtest/gtest.h>

#include "tests/support/csv.h"

namespace caracal::profile {
namespace {

ModelDescription gpt(int64_t hidden, int64_t heads, int32_t layers) {
  ModelDescription model;
  model.shape.layers = layers;
  model.shape.hidden = hidden;
  model.shape.heads = heads;
  model.shape.sequence = 2048;
  model.shape.vocabulary = 51200;
  return model;
}

LayerStructure layerOf(const ModelDescription& model) {
  const auto structure = structureOf(model);
  EXPECT_TRUE(structure) << structure.error().text();
  return structure->kinds.front();
}

TEST(Parameters, ofPublicCheckpointsAreCountedExactly) {
  for (const auto& row : test::csvRows("parameter_counts.csv")) {
    const auto model = loadModel(row[0]);
    ASSERT_TRUE(model) << model.error().text();
    EXPECT_EQ(parameterCount(*model).value_or(-1), std::stoll(row[1])) << row[0];
  }
}

TEST(Parameters, ofMegatronModelsAreThePublishedOnesToThePrintedDigit) {
  const auto rows = test::csvRows("megatron_models.csv");
  ASSERT_EQ(rows.size(), 10u);
  for (const auto& row : rows) {
    const int64_t h = std::stoll(row[2]), layers = std::stoll(row[3]);
    const auto count = parameterCount(gpt(h, std::stoll(row[1]), static_cast<int32_t>(layers)));
    ASSERT_TRUE(count) << count.error().text();
    EXPECT_EQ(fmt::format("{:.1f}", static_cast<double>(*count) / 1e9), row[0]);
    // Equation 2 of arXiv 2104.04473, which leaves the last norm out.
    EXPECT_EQ(*count - 2 * h, 12 * layers * h * h + 13 * layers * h + (51200 + 2048) * h);
  }
}

TEST(Parameters, ofShippedModelsAreWhatTheirNamesSay) {
  for (const auto& [name, billions] : {std::pair{"gpt-1.3b", 1.3},
                                       {"gpt-4.7b", 4.7},
                                       {"gpt-7b", 6.7},
                                       {"gpt-13b", 12.9},
                                       {"gpt-20b", 20.3},
                                       {"gpt-22b", 22.1},
                                       {"gpt-23b", 23.0},
                                       {"gpt-175b", 174.6}}) {
    const auto model = loadModel(name);
    ASSERT_TRUE(model) << model.error().text();
    const auto count = parameterCount(*model);
    ASSERT_TRUE(count) << count.error().text();
    EXPECT_NEAR(static_cast<double>(*count) / 1e9, billions, 0.05) << name;
  }
}

TEST(Parameters, ofALayerAreTwelveHSquaredAndThirteenH) {
  ModelDescription model = gpt(6144, 64, 1);
  const int64_t h = 6144;
  EXPECT_EQ(layerOf(model).kind.staticBytes, 18 * (12 * h * h + 13 * h));
  model.parallel.tensor = 8;
  EXPECT_EQ(layerOf(model).kind.staticBytes, 18 * ((12 * h * h + 7 * h) / 8 + 6 * h));
}

TEST(Parameters, aHeadOnItsOwnStageHoldsACopyOfTheEmbedding) {
  ModelDescription model = gpt(6144, 64, 2);
  model.parallel.tensor = 8;
  EXPECT_EQ(structureOf(model)->last.end.staticBytes, 18 * 2 * 6144);
  model.parallel.pipeline = 2;
  EXPECT_EQ(structureOf(model)->last.end.staticBytes, 18 * (2 * 6144 + 51200 / 8 * 6144));
  model.parallel.pipeline = 1;
  model.architecture.tiedEmbeddings = false;
  EXPECT_EQ(structureOf(model)->last.end.staticBytes, 18 * (2 * 6144 + 51200 / 8 * 6144));
}

TEST(Parameters, aDistributedOptimizerSpreadsTwelveOfEighteenBytes) {
  ModelDescription model = gpt(6144, 64, 1);
  model.parallel.data = 8;
  const int64_t parameters = 12 * int64_t{6144} * 6144 + 13 * 6144;
  EXPECT_EQ(layerOf(model).kind.staticBytes, 18 * parameters);
  model.distributedOptimizer = true;
  EXPECT_EQ(layerOf(model).kind.staticBytes, 6 * parameters + 12 * parameters / 8);
  // Context-parallel ranks hold the same parameters too.
  model.parallel.context = 2;
  EXPECT_EQ(layerOf(model).kind.staticBytes, 6 * parameters + 12 * parameters / 16);
}

TEST(Parameters, expertsAreSpreadOverRanksAndTheRestIsNot) {
  ModelDescription model = gpt(6144, 64, 1);
  model.parallel.data = 8;
  model.architecture.experts = 8;
  model.architecture.topK = 2;
  const int64_t h = 6144;
  const int64_t shared = 4 * h * h + 4 * h + 4 * h + 8 * h;  // projections, norms, router
  const int64_t expert = 8 * h * h + 5 * h;
  EXPECT_EQ(layerOf(model).parameters, (ParameterCount{shared, 8 * expert}));
  model.architecture.expertParallel = 4;
  EXPECT_EQ(layerOf(model).parameters, (ParameterCount{shared, 2 * expert}));
  model.distributedOptimizer = true;  // each expert is on 8 / 4 = 2 ranks
  EXPECT_EQ(layerOf(model).kind.staticBytes,
            6 * shared + 12 * shared / 8 + 6 * 2 * expert + 12 * 2 * expert / 2);
}

}  // namespace
}  // namespace caracal::profile
