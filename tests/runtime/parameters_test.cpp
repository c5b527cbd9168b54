#include "runtime/model/parameters.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace caracal::model {
namespace {

RankShape shapeOf(int64_t tensorSize, int64_t tensorIndex) {
  RankShape shape;
  shape.batch = 1;
  shape.sequence = 8;
  shape.hidden = 16;
  shape.ffn = 64;
  shape.heads = 4;
  shape.vocabulary = 256;
  shape.tensorSize = tensorSize;
  shape.tensorIndex = tensorIndex;
  return shape;
}

TEST(Parameters, shardsTogetherAreTheWholeAndStartEqual) {
  const HeldLayers layers{{0, 1}, 2};
  const ParameterStore whole(shapeOf(1, 0), layers, 9);
  std::vector<std::set<int64_t>> covered(whole.specs().size());
  for (int64_t shard = 0; shard < 2; ++shard) {
    const ParameterStore part(shapeOf(2, shard), layers, 9);
    for (size_t p = 0; p < part.specs().size(); ++p) {
      const ParameterSpec& spec = part.specs()[p];
      for (int64_t i = 0; i < spec.count(); ++i) {
        const int64_t global = spec.globalIndex(i);
        covered[p].insert(global);
        ASSERT_EQ(part.weights()[static_cast<size_t>(spec.offset + i)],
                  whole.weights()[static_cast<size_t>(whole.specs()[p].offset + global)])
            << spec.name << " element " << global;
      }
    }
  }
  for (size_t p = 0; p < covered.size(); ++p) {
    EXPECT_EQ(static_cast<int64_t>(covered[p].size()), whole.specs()[p].globalCount())
        << whole.specs()[p].name;
  }
}

TEST(Parameters, aStageStartsWithTheLayersOfTheWholeModel) {
  ParameterStore whole(shapeOf(1, 0), {{0, 1, 2, 3}, 4}, 9);
  ParameterStore stage(shapeOf(1, 0), {{2, 3}, 4}, 9);
  for (const LayerParameter which : {LayerParameter::kQkvWeight, LayerParameter::kFc2Weight}) {
    EXPECT_EQ(stage.at(3, which).weight[5], whole.at(3, which).weight[5]);
    EXPECT_NE(whole.at(2, which).weight[5], whole.at(3, which).weight[5]);
  }
  EXPECT_EQ(stage.at(LastParameter::kHead).weight[1], whole.at(LastParameter::kHead).weight[1]);
}

TEST(Parameters, initialValuesHaveTheirDeviation) {
  ParameterStore store(shapeOf(1, 0), {{0}, 1}, 4);
  const float* tokens = store.at(FirstParameter::kTokens).weight;
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < 256 * 16; ++i) {
    sum += tokens[i];
    squares += tokens[i] * tokens[i];
  }
  EXPECT_NEAR(sum / 4096, 0, 0.001);
  EXPECT_NEAR(std::sqrt(squares / 4096), 0.02, 0.001);
}

TEST(Parameters, differBetweenSeeds) {
  ParameterStore a(shapeOf(1, 0), {{0}, 1}, 1);
  ParameterStore b(shapeOf(1, 0), {{0}, 1}, 2);
  EXPECT_NE(a.at(0, LayerParameter::kFc1Weight).weight[0],
            b.at(0, LayerParameter::kFc1Weight).weight[0]);
}

TEST(Parameters, bytesCountWeightGradientAndTwoMoments) {
  // 12 h^2 + 13 h of the layer, (vocabulary + sequence) h, 2 h + vocabulary h; 16 bytes each.
  const int64_t count = 12 * 256 + 13 * 16 + (256 + 8) * 16 + 2 * 16 + 256 * 16;
  const ParameterStore store(shapeOf(1, 0), {{0}, 1}, 1);
  EXPECT_EQ(store.bytes(), 16 * count);
}

TEST(Parameters, updateMovesWeightsAndClearsGradients) {
  ParameterStore store(shapeOf(1, 0), {{0}, 1}, 1);
  const auto view = store.at(0, LayerParameter::kFc1Bias);
  view.gradient[0] = 1;
  kernels::AdamwOptions options;
  options.learningRate = 0.5F;
  options.warmupUpdates = 1;
  store.update(options, 1);
  EXPECT_NEAR(view.weight[0], -0.5F, 1e-5);
  EXPECT_EQ(view.gradient[0], 0.0F);
}

}  // namespace
}  // namespace caracal::model
