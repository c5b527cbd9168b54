// Recomputation changes when, never what: every policy gives the losses and weights of keeping all,
// bit for bit, with less memory.
#include <gtest/gtest.h>

#include "tests/runtime/tiny_model.h"

namespace caracal::executor {
namespace {

using test::LayerText;

struct Policy {
  std::string name;
  std::function<LayerText(int32_t stage, int32_t layer)> layerOf;
};
std::ostream& operator<<(std::ostream& out, const Policy& policy) {
  return out << policy.name;
}

const std::string kLayerOutput = " fc2=onDemand tp_mlp=onDemand residual2=onDemand";

class EveryPolicy : public testing::TestWithParam<Policy> {};

TEST_P(EveryPolicy, givesTheBitsOfKeepingAllWithNoMoreMemory) {
  test::Sizes sizes;
  sizes.tensor = 2;
  sizes.pipeline = 2;
  sizes.microBatches = 5;
  const profile::ModelDescription model = test::tinyModel(sizes);
  const auto keepAll = jobFromModel(model);
  ASSERT_TRUE(keepAll) << keepAll.error().text();
  const auto planned = jobFromPlan(test::planDocument(model, GetParam().layerOf));
  ASSERT_TRUE(planned) << planned.error().text();

  const auto expected = test::train(*keepAll);
  const auto actual = test::train(*planned);
  ASSERT_TRUE(expected) << expected.error().text();
  ASSERT_TRUE(actual) << actual.error().text();
  EXPECT_EQ(test::lossesOf(*actual), test::lossesOf(*expected));
  EXPECT_EQ(test::weightsOf(*actual), test::weightsOf(*expected));
  for (const RankSummary& rank : actual->ranks) {
    const StageMemory predicted = predictedMemory(*planned, rank.position.stage);
    EXPECT_EQ(rank.peakBytes, predicted.peakBytes()) << "rank " << rank.position.rank;
    EXPECT_EQ(rank.staticBytes, predicted.staticBytes);
    EXPECT_EQ(rank.workspaceBytes, predicted.workspaceBytes);
    EXPECT_LE(rank.peakBytes, expected->ranks[static_cast<size_t>(rank.position.rank)].peakBytes);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Policies, EveryPolicy,
    testing::Values(
        Policy{"none", [](int32_t, int32_t) { return LayerText{}; }},
        Policy{"full", [](int32_t, int32_t) { return LayerText{test::kFullRecompute}; }},
        Policy{"selective",
               [](int32_t, int32_t) {
                 return LayerText{
                     "scores=onDemand softmax=onDemand attn_dropout=onDemand context=repeated"};
               }},
        Policy{"core",
               [](int32_t, int32_t) {
                 return LayerText{
                     "scores=onDemand softmax=onDemand attn_dropout=onDemand context=onDemand"};
               }},
        Policy{"uniform2",
               [](int32_t, int32_t layer) {
                 return LayerText{test::kFullRecompute + (layer % 2 == 0 ? kLayerOutput : ""),
                                  layer % 2 == 1};
               }},
        Policy{"block1",
               [](int32_t, int32_t layer) {
                 return LayerText{layer % 2 == 0 ? test::kFullRecompute : ""};
               }},
        Policy{"forwardAndPreviousWindows",
               [](int32_t stage, int32_t) { return test::everyForwardWindow(stage); }},
        Policy{"ownWindow",
               [](int32_t, int32_t) {
                 return LayerText{
                     "scores=window:own.bwd.mlp softmax=window:own.bwd.mlp attn_dropout=onDemand"};
               }},
        Policy{"repeatedCollective",
               [](int32_t, int32_t) {
                 return LayerText{
                     "proj=window:pipe tp_attn=window:pipe residual1=window:pipe ln2=onDemand"};
               }},
        Policy{"offload",
               [](int32_t, int32_t layer) {
                 return LayerText{layer % 2 == 0 ? "ln1=offload qkv=offload act=offload"
                                                 : "fc1=offload act=onDemand softmax=offload"};
               }},
        Policy{"retainedButUnneeded",
               [](int32_t, int32_t) {
                 return LayerText{"scores=retained softmax=window:prev.bwd.attn"};
               }}),
    [](const auto& tested) { return tested.param.name; });

TEST(Policies, fullRecomputationNeedsMuchLessMemoryForActivations) {
  test::Sizes sizes;
  sizes.tensor = 2;
  const profile::ModelDescription model = test::tinyModel(sizes);
  const auto keepAll = jobFromModel(model);
  const auto full = jobFromPlan(
      test::planDocument(model, [](int32_t, int32_t) { return LayerText{test::kFullRecompute}; }));
  ASSERT_TRUE(keepAll);
  ASSERT_TRUE(full) << full.error().text();
  EXPECT_LT(2 * predictedMemory(*full, 0).activationBytes,
            predictedMemory(*keepAll, 0).activationBytes);
}

}  // namespace
}  // namespace caracal::executor
