// The folded replay against the replay of every operator.
#include "core/sim/folded_replay.h"

#include <gtest/gtest.h>

#include "core/sim/simulator.h"
#include "tests/core/sim/random_case.h"

namespace caracal::sim {
namespace {

TEST(FoldedReplay, givesTheFiguresOfAReplayOfEveryOperator) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    Case c = randomCase(seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " + c.plan.schedule);
    c.profile.kappa = 1.0 + static_cast<double>(seed % 3) / 4;
    c.profile.rho = 1.0 + static_cast<double>(seed % 4) / 8;
    const auto folded = simulate(c.profile, c.plan, {TraceDetail::kNone});
    const auto whole = simulate(c.profile, c.plan, {TraceDetail::kPasses});
    ASSERT_TRUE(folded.has_value() && whole.has_value());
    EXPECT_EQ(folded->stepNs, whole->stepNs);
    EXPECT_EQ(folded->pipelineNs, whole->pipelineNs);
    EXPECT_EQ(folded->bubblePct, whole->bubblePct);
    EXPECT_EQ(folded->zbBubbleRate, whole->zbBubbleRate);
    ASSERT_EQ(folded->stages.size(), whole->stages.size());
    for (size_t s = 0; s < whole->stages.size(); ++s) {
      const StageResult &a = folded->stages[s], &b = whole->stages[s];
      EXPECT_EQ(a.layers, b.layers);
      EXPECT_EQ(a.forwardNs, b.forwardNs);
      EXPECT_EQ(a.backwardNs, b.backwardNs);
      EXPECT_EQ(a.weightNs, b.weightNs);
      EXPECT_EQ(a.busyNs, b.busyNs);
      EXPECT_EQ(a.bubbleNs, b.bubbleNs);
      EXPECT_EQ(a.exposedRecomputeNs, b.exposedRecomputeNs);
      EXPECT_EQ(a.hiddenRecomputeNs, b.hiddenRecomputeNs);
      EXPECT_EQ(a.exposedOffloadNs, b.exposedOffloadNs);
      EXPECT_EQ(a.exposedReduceNs, b.exposedReduceNs);
      EXPECT_EQ(a.hostBytes, b.hostBytes);
      EXPECT_EQ(a.staticBytes, b.staticBytes);
      EXPECT_EQ(a.peakBytes, b.peakBytes) << "device " << s;
    }
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace caracal::sim
