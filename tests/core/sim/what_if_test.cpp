// What-ifs: which way and how far each moves a step or its memory.
#include "core/sim/what_if.h"

#include <gtest/gtest.h>

#include "tests/support/layers.h"

namespace caracal::sim {
namespace {

profile::Profile job() {
  auto profile = test::makeProfile(test::tinyLayer(), 4, 2, 4);
  profile.parallel.tensor = 4;
  profile.parallel.data = 2;
  profile.tensorLink = {2, 1e9};
  profile.dataLink = {10, 1e9};
  profile.kinds[0].staticBytes = 1800;
  profile.kinds[0].optimizerNs = 360;
  profile.kinds[0].gradientReduceNs = 110;
  profile.last.staticBytes = 900;
  return profile;
}

profile::Profile with(const std::string& text) {
  const auto whatIf = whatIfFromText(text);
  EXPECT_TRUE(whatIf.has_value()) << (whatIf ? "" : whatIf.error().text());
  return applied(*whatIf, job());
}

SimResult simulated(const profile::Profile& profile) {
  const auto result =
      simulate(profile, test::makePlanOf(profile, {test::keepAll(profile.kinds[0])}));
  EXPECT_TRUE(result.has_value());
  return result.value_or(SimResult{});
}

TEST(WhatIf, everyOneNamesItsModelAndSource) {
  for (const WhatIfInfo& info : whatIfs()) {
    EXPECT_FALSE(info.model.empty()) << info.name;
    EXPECT_NE(info.source.find("arXiv"), std::string_view::npos) << info.name;
    const auto whatIf = whatIfFromText(info.name);
    ASSERT_TRUE(whatIf.has_value());
    EXPECT_EQ(whatIf->value, info.value);
    EXPECT_EQ(applied(*whatIf, job()).tag, profile::Tag::kEstimated);
    EXPECT_EQ(applied(*whatIf, job()).stageTag, profile::Tag::kEstimated);
  }
}

TEST(WhatIf, wrongNamesAndValuesAreRefusedInWords) {
  const std::pair<const char*, const char*> cases[] = {
      {"faster", "choose ulysses, compressed-gradients"},
      {"", "choose ulysses"},
      {"ulysses=2", "takes no value"},
      {"layer-dropping=1.5", "must be 0 to 0.9 (part of the layers"},
      {"layer-dropping=", "must be 0 to 0.9"},
      {"layer-dropping=nan", "must be 0 to 0.9"},
      {"lamb=2x", "must be 1 to 64"},
  };
  for (const auto& [text, words] : cases) {
    const auto whatIf = whatIfFromText(text);
    ASSERT_FALSE(whatIf.has_value()) << text;
    EXPECT_NE(whatIf.error().message.find(words), std::string::npos) << whatIf.error().message;
  }
}

// t = 4: 2/4 of the bytes part of 8, and four latencies of 2 in place of one; nothing after the
// MLP.
TEST(WhatIf, ulyssesReplacesTensorParallelCollectives) {
  const profile::LayerKind kind = with("ulysses").kinds[0];
  EXPECT_EQ(kind.operators[2].forwardNs, 4 * 2 + 4) << "tp_attn";
  EXPECT_EQ(kind.operators[6].forwardNs, 0) << "tp_mlp";
  EXPECT_EQ(kind.window("fwd.attn")->transferNs, 12);
  EXPECT_EQ(kind.window("bwd.attn")->transferNs, 12);
  EXPECT_EQ(kind.window("bwd.mlp")->transferNs, 0);
  EXPECT_EQ(kind.operators[1].forwardNs, job().kinds[0].operators[1].forwardNs);
  EXPECT_LT(simulated(with("ulysses")).stepNs, simulated(job()).stepNs);
}

TEST(WhatIf, compressedGradientsShortenTheReductionButNotItsLatency) {
  EXPECT_EQ(with("compressed-gradients=0.1").kinds[0].gradientReduceNs, 10 + 10);
  EXPECT_EQ(with("compressed-gradients=1").kinds[0].gradientReduceNs, 110);
  // Two layers on a stage, 90 less each.
  EXPECT_EQ(simulated(job()).stepNs - simulated(with("compressed-gradients")).stepNs, 2 * 90);
}

TEST(WhatIf, overlappedGradientsLeaveTheReductionThatNothingIsBeside) {
  const SimResult before = simulated(job()), after = simulated(with("overlap-gradients"));
  EXPECT_EQ(before.stages[1].exposedReduceNs, 2 * 110);
  EXPECT_LT(after.stages[1].exposedReduceNs, 2 * 110);
  EXPECT_GE(after.stages[1].exposedReduceNs, 110) << "the lowest layer's comes last";
  EXPECT_LT(after.stepNs, before.stepNs);
  EXPECT_EQ(after.pipelineNs, before.pipelineNs);
}

TEST(WhatIf, lowRankMomentsSaveAPartOfEightOfEighteenBytes) {
  const profile::Profile profile = with("low-rank-optimizer=0.5");
  EXPECT_EQ(profile.kinds[0].staticBytes, 1800 - 400);
  EXPECT_EQ(profile.last.staticBytes, 900 - 200);
  EXPECT_EQ(simulated(profile).stepNs, simulated(job()).stepNs);
  EXPECT_EQ(simulated(job()).stages[0].peakBytes - simulated(profile).stages[0].peakBytes, 2 * 400);
}

TEST(WhatIf, lambMakesStepsLargerAndEachSampleCheaper) {
  const profile::Profile profile = with("lamb=4");
  EXPECT_EQ(profile.parallel.microBatches, 16);
  EXPECT_EQ(profile.kinds[0].optimizerNs, 360 + 80);
  EXPECT_LT(simulated(profile).stepNs, 4 * simulated(job()).stepNs);
  EXPECT_GT(simulated(profile).stepNs, simulated(job()).stepNs);
}

TEST(WhatIf, droppedLayersTakeNoTimeAndTheEndsStay) {
  const profile::Profile before = job(), after = with("layer-dropping=0.5");
  EXPECT_EQ(after.kinds[0].operators[1].forwardNs, 3);
  EXPECT_EQ(after.kinds[0].operators[1].backwardNs, 6);
  EXPECT_EQ(after.kinds[0].windows[0].transferNs, 5);
  EXPECT_EQ(after.last, before.last);
  EXPECT_EQ(simulated(after).stages[0].peakBytes, simulated(before).stages[0].peakBytes);
}

TEST(WhatIf, delayedGradientsLeaveTheBusiestStageWithoutABubble) {
  const SimResult before = simulated(job());
  const SimResult after = applied(*whatIfFromText("delayed-gradients"), before);
  const int64_t least = std::min(before.stages[0].bubbleNs, before.stages[1].bubbleNs);
  EXPECT_GT(least, 0);
  EXPECT_EQ(after.stepNs, before.stepNs - least);
  EXPECT_EQ(std::min(after.stages[0].bubbleNs, after.stages[1].bubbleNs), 0);
  EXPECT_EQ(applied(*whatIfFromText("lamb"), before).stepNs, before.stepNs);
}

// 12 of 18 bytes leave the device; at 1 GB/s reading and writing 1200 bytes takes 2400 ns.
TEST(WhatIf, offloadedOptimizersTradeMemoryForTime) {
  const profile::LayerKind kind = with("ssd-offload=1").kinds[0];
  EXPECT_EQ(kind.staticBytes, 600);
  EXPECT_EQ(kind.optimizerNs, 360 + 2400);
}

TEST(WhatIf, eightBitGemmsAreFasterAndTheirInputsSmaller) {
  const profile::LayerKind kind = with("8-bit=2").kinds[0];
  EXPECT_EQ(kind.operators[4].forwardNs, 3) << "fc1: half of 5, rounded";
  EXPECT_EQ(kind.operators[4].backwardNs, 5);
  EXPECT_EQ(kind.operators[1].forwardNs, 6) << "attention stays";
  EXPECT_EQ(kind.operators[3].savedBytes, 4) << "residual1 is read by fc1 only";
  EXPECT_EQ(kind.operators[0].savedBytes, 8) << "ln1 is read by attention";
}

TEST(WhatIf, severalTogetherStillMakeAValidProfile) {
  profile::Profile profile = job();
  for (const WhatIfInfo& info : whatIfs()) profile = applied(*whatIfFromText(info.name), profile);
  const SimResult result = simulated(profile);
  EXPECT_GT(result.stepNs, 0);
  EXPECT_LT(result.stages[0].staticBytes, simulated(job()).stages[0].staticBytes);
}

}  // namespace
}  // namespace caracal::sim
