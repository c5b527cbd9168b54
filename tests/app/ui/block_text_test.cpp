#include "app/ui/timeline/block_text.h"

#include <gtest/gtest.h>

#include "tests/app/ui/drawn_trace.h"

namespace caracal::ui {
namespace {

TEST(ShortName, keepsWhatTellsKernelsApart) {
  EXPECT_EQ(
      shortName("void at::native::vectorized_elementwise_kernel<4, at::native::Add>(int, float*)"),
      "vectorized_elementwise_kernel");
  EXPECT_EQ(shortName("ncclDevKernel_AllReduce_Sum_f16_RING_LL(ncclDevComm*, unsigned long)"),
            "ncclDevKernel_AllReduce_Sum_f16_RING_LL(ncclDevComm*, unsigned long)");
  EXPECT_EQ(shortName("volta_sgemm_128x64_nn"), "volta_sgemm_128x64_nn");
  EXPECT_EQ(shortName("aten::addmm"), "addmm");
  EXPECT_EQ(shortName("<lambda>"), "<lambda>");
  EXPECT_EQ(shortName(""), "");
}

TEST(BlockText, passesShowTheirMicroBatch) {
  const auto scene = test::sceneOf(test::drawPipeline(2, 3, 1));
  std::string buffer;
  EXPECT_EQ(blockText(*scene, 1, scene->rows[1].lanes[0][0], buffer), "F0");
  const Lane& passes = scene->rows[1].lanes[0];
  EXPECT_EQ(blockText(*scene, 1, passes[passes.size() - 1], buffer), "B2");
}

TEST(DescribeBlock, tellsExactTimesAndWhereAFigureComesFrom) {
  const auto scene = test::sceneOf(test::drawPipeline(2, 3, 1));
  const std::vector<BlockFact> facts = describeBlock(*scene, {1, 0, 1});
  const auto value = [&](const QString& name) {
    for (const BlockFact& fact : facts) {
      if (fact.name == name) return fact.value;
    }
    return QString();
  };
  EXPECT_EQ(value(QStringLiteral("duration")), QStringLiteral("1.00 us (1000 ns)"));
  EXPECT_EQ(value(QStringLiteral("micro-batch")), QStringLiteral("1"));
  EXPECT_EQ(value(QStringLiteral("origin")), QStringLiteral("simulated"));
  EXPECT_EQ(value(QStringLiteral("no such fact")), QString());
}

TEST(DescribeBlock, aBubbleTellsItsCause) {
  const auto scene = test::sceneOf(test::drawPipeline(2, 3, 1));
  const std::vector<BlockFact> facts = describeBlock(*scene, {2, kBubbleLane, 0});
  ASSERT_GE(facts.size(), 2U);
  EXPECT_EQ(facts[0].value, QStringLiteral("bubble"));
  EXPECT_EQ(facts[1].value.toStdString(), analysis::label(analysis::IdleCause::kWarmup));
}

}  // namespace
}  // namespace caracal::ui
