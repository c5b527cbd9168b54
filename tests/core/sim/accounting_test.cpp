// Hidden and exposed recomputation, bubbles and passes of small schedules, counted by hand.
#include <gtest/gtest.h>

#include "core/sim/simulator.h"
#include "tests/support/layers.h"

namespace caracal::sim {
namespace {

using test::makePlanOf;
using test::makeProfile;
using test::placements;
using test::tinyLayer;

SimResult run(const profile::Profile& profile, const plan::Plan& plan) {
  const auto result = simulate(profile, plan);
  EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().text());
  return result.value_or(SimResult{});
}

SimResult runWith(const profile::Profile& profile, const std::string& policy) {
  return run(profile, makePlanOf(profile, {placements(profile.kinds[0], policy)}));
}

// tinyLayer: forward 19 + 20 in collectives, backward 34 + 20; embed 1 + 1, head and loss 4 + 7.
TEST(Accounting, aLoneStageRunsItsOperatorsAndCollectivesInTurn) {
  const auto profile = makeProfile(tinyLayer(), 1, 1, 2);
  const SimResult result = run(profile, makePlanOf(profile, {test::keepAll(profile.kinds[0])}));
  EXPECT_EQ(result.stages[0].forwardNs, 1 + 39 + 4);
  EXPECT_EQ(result.stages[0].backwardNs, 7 + 54 + 1);
  EXPECT_EQ(result.stepNs, 2 * (44 + 62));
  EXPECT_EQ(result.stages[0].busyNs, 2 * (1 + 19 + 4 + 7 + 34 + 1));
  EXPECT_EQ(result.stages[0].bubbleNs, 0);
  EXPECT_EQ(result.bubblePct, 0);
}

TEST(Accounting, workThatFitsAWindowIsHidden) {
  const auto profile = makeProfile(tinyLayer(), 1, 1, 1);
  const SimResult none =
      runWith(profile, "ln1=retained attn=retained residual1=retained fc1=retained act=retained");
  const SimResult hidden = runWith(
      profile, "ln1=own.bwd.mlp attn=own.bwd.mlp residual1=retained fc1=retained act=retained");
  EXPECT_EQ(hidden.stepNs, none.stepNs);
  EXPECT_EQ(hidden.stages[0].hiddenRecomputeNs, 8);
  EXPECT_EQ(hidden.stages[0].exposedRecomputeNs, 0);
}

TEST(Accounting, workBeyondAWindowIsExposed) {
  auto kind = tinyLayer();
  kind.windows[2].overlappedNs = 5;  // half of bwd.mlp is covered by a weight gradient already
  const auto profile = makeProfile(kind, 1, 1, 1);
  const SimResult none =
      runWith(profile, "ln1=retained attn=retained residual1=retained fc1=retained act=retained");
  const SimResult result = runWith(
      profile, "ln1=own.bwd.mlp attn=own.bwd.mlp residual1=retained fc1=retained act=retained");
  EXPECT_EQ(result.stepNs, none.stepNs + 3);
  EXPECT_EQ(result.stages[0].hiddenRecomputeNs, 5);
  EXPECT_EQ(result.stages[0].exposedRecomputeNs, 3);
}

TEST(Accounting, repeatedCollectivesAreExposed) {
  const auto profile = makeProfile(tinyLayer(), 1, 1, 1);
  const SimResult result =
      run(profile, makePlanOf(profile, {test::recomputeAll(profile.kinds[0])}));
  EXPECT_EQ(result.stages[0].exposedRecomputeNs, 19 + 20);
  EXPECT_EQ(result.stages[0].hiddenRecomputeNs, 0);
  EXPECT_EQ(result.stepNs, 44 + 62 + 39);
}

TEST(Accounting, recomputationInTheWaitForAGradientIsNoBubble) {
  auto profile = makeProfile(tinyLayer(), 2, 2, 1);
  const SimResult none =
      runWith(profile, "ln1=retained attn=retained residual1=retained fc1=retained act=retained");
  const SimResult pipe =
      runWith(profile, "ln1=pipe attn=pipe residual1=retained fc1=retained act=retained");
  // Stage 1 has no gradient to wait for and pays for its 8; stage 0 waits 8 longer and hides its
  // own 8.
  EXPECT_EQ(pipe.stepNs, none.stepNs + 8);
  EXPECT_EQ(pipe.stages[0].hiddenRecomputeNs, 8);
  EXPECT_EQ(pipe.stages[0].exposedRecomputeNs, 0);
  EXPECT_EQ(pipe.stages[0].bubbleNs, none.stages[0].bubbleNs);
  EXPECT_EQ(pipe.stages[1].exposedRecomputeNs, 8);
}

TEST(Accounting, aCollectiveRepeatedInTheWaitForAGradientIsHidden) {
  const auto profile = makeProfile(tinyLayer(), 2, 2, 1);
  const SimResult pipe = runWith(
      profile, "ln1=retained attn=retained tp_attn=pipe residual1=pipe fc1=retained act=retained");
  EXPECT_EQ(pipe.stages[0].hiddenRecomputeNs, 10 + 1);
  EXPECT_EQ(pipe.stages[0].exposedRecomputeNs, 0);
}

TEST(Accounting, contentionIsCharged) {
  auto profile = makeProfile(tinyLayer(), 1, 1, 1);
  const std::string policy =
      "ln1=own.bwd.mlp attn=retained residual1=retained fc1=retained act=retained";
  const int64_t before = runWith(profile, policy).stepNs;
  profile.kappa = 1.5;
  profile.rho = 1.5;
  // ln1 takes 3 instead of 2, in which the collective of 10 does 2: it ends 1 later.
  EXPECT_EQ(runWith(profile, policy).stepNs, before + 1);
}

TEST(Accounting, theOptimizerEndsTheStepAndIsNoPipelineWork) {
  auto profile = makeProfile(tinyLayer(), 2, 2, 2);
  const SimResult before = run(profile, makePlanOf(profile, {test::keepAll(profile.kinds[0])}));
  profile.kinds[0].optimizerNs = 30;
  profile.first.optimizerNs = 7;
  profile.parallel.data = 2;
  profile.kinds[0].gradientReduceNs = 11;
  const SimResult after = run(profile, makePlanOf(profile, {test::keepAll(profile.kinds[0])}));
  EXPECT_EQ(after.pipelineNs, before.pipelineNs);
  EXPECT_EQ(after.stepNs, before.stepNs + 37 + 11);
  EXPECT_EQ(after.stages[0].busyNs, before.stages[0].busyNs + 37);
}

// Backward of the last micro-batch: head and loss 7, two layers of 54, embed 1. Buckets in order:
// head, upper layer, lower layer, embed.
TEST(Accounting, reductionsBesideBackwardExposeOnlyWhatIsLeft) {
  auto profile = makeProfile(tinyLayer(), 2, 1, 2);
  profile.parallel.data = 2;
  profile.parallel.overlapGradientReduce = true;
  const auto plan = makePlanOf(profile, {test::keepAll(profile.kinds[0])});
  const int64_t before = run(profile, plan).stepNs;
  profile.last.gradientReduceNs = 50;      // from 7 to 57
  profile.kinds[0].gradientReduceNs = 40;  // from 61 to 101, then, though ready at 115, to 155
  profile.first.gradientReduceNs = 3;      // to 158; backward ends at 116
  const SimResult beside = run(profile, plan);
  EXPECT_EQ(beside.stages[0].exposedReduceNs, 158 - 116);
  EXPECT_EQ(beside.stepNs, before + 158 - 116);
  profile.parallel.overlapGradientReduce = false;
  const SimResult after = run(profile, plan);
  EXPECT_EQ(after.stages[0].exposedReduceNs, 50 + 2 * 40 + 3);
  EXPECT_EQ(after.stepNs, before + 133);
}

TEST(Accounting, aReductionInABubbleIsFree) {
  auto profile = makeProfile(tinyLayer(), 2, 2, 2);
  profile.parallel.data = 2;
  profile.parallel.overlapGradientReduce = true;
  profile.kinds[0].gradientReduceNs = 20;
  const SimResult result = run(profile, makePlanOf(profile, {test::keepAll(profile.kinds[0])}));
  EXPECT_EQ(result.stages[1].exposedReduceNs, 20) << "it cannot start before its layer's backward";
  EXPECT_EQ(result.stages[0].exposedReduceNs, 20 - 1) << "embed's backward is beside it";
  EXPECT_EQ(result.stepNs, result.pipelineNs + 20 - 1) << "stage 1's is over before";
}

// Copies of 16 bytes take 2 + 16. Forward: fc1 of the lower layer leaves beside the upper layer's
// 39, that of the upper one beside head and loss, 4. Backward: the upper one's comes back beside
// head's and loss's 7, the lower one's beside the upper layer's 54.
TEST(Accounting, copiesToAndFromTheHostExposeWhatNothingIsBeside) {
  auto profile = makeProfile(tinyLayer(), 2, 1, 1);
  profile.hostLink = {2, 1e9};
  const std::string rest = "ln1=retained attn=retained residual1=retained act=retained ";
  const SimResult kept = runWith(profile, rest + "fc1=retained");
  const SimResult offloaded = runWith(profile, rest + "fc1=offload");
  EXPECT_EQ(offloaded.stages[0].exposedOffloadNs, (18 - 4) + (18 - 7));
  EXPECT_EQ(offloaded.stepNs, kept.stepNs + 25);
  EXPECT_EQ(offloaded.stages[0].bubbleNs, 0);
  EXPECT_EQ(offloaded.stages[0].busyNs, kept.stages[0].busyNs);
  EXPECT_EQ(offloaded.stages[0].hostBytes, 2 * 16);
  EXPECT_EQ(kept.stages[0].hostBytes, 0);
}

// While the second warm-up forward of stage 0 ends, the first micro-batch's fc1 of both layers is
// on the host; only the lower layer's of the second is.
TEST(Accounting, offloadedTensorsFreeTheDevice) {
  auto profile = makeProfile(tinyLayer(), 4, 2, 2);
  profile.hostLink = {2, 1e12};
  const std::string rest = "ln1=retained attn=retained residual1=retained act=retained ";
  const SimResult kept = runWith(profile, rest + "fc1=retained");
  const SimResult offloaded = runWith(profile, rest + "fc1=offload");
  EXPECT_EQ(kept.stages[0].peakBytes - offloaded.stages[0].peakBytes, 2 * 16);
  EXPECT_EQ(offloaded.stages[0].hostBytes, 2 * 2 * 16);
}

TEST(Accounting, aCopyFromTheHostBesideTheWaitForAGradientIsFree) {
  auto profile = makeProfile(tinyLayer(), 2, 2, 1);
  profile.hostLink = {2, 1e9};
  const std::string rest = "ln1=retained attn=retained residual1=retained act=retained ";
  const SimResult result = runWith(profile, rest + "fc1=offload");
  EXPECT_EQ(result.stages[0].exposedOffloadNs, 18) << "the copy out, after the send";
  EXPECT_EQ(result.stages[1].exposedOffloadNs, (18 - 4) + (18 - 7));
}

TEST(Accounting, budgetsAreComparedWithThePeakOverTime) {
  const auto profile = makeProfile(tinyLayer(), 2, 2, 2);
  auto plan = makePlanOf(profile, {test::keepAll(profile.kinds[0])});
  const int64_t peak = run(profile, plan).stages[0].peakBytes;
  plan.stages[0].budgetBytes = peak;
  EXPECT_TRUE(run(profile, plan).fits);
  plan.stages[0].budgetBytes = peak - 1;
  EXPECT_FALSE(run(profile, plan).fits);
}

// static 100; N = 2 on the first stage. One micro-batch holds input 8, ln1 8, attn 8, residual1 8,
// fc1 16, act 16 = 64; while residual2 of the second is made: its own 64, tp_mlp 8 and residual2 8.
TEST(Accounting, keepAllPeaksAtTheEndOfTheLastWarmUpForward) {
  const auto profile = makeProfile(tinyLayer(), 2, 2, 2);
  const SimResult result = run(profile, makePlanOf(profile, {test::keepAll(profile.kinds[0])}));
  EXPECT_EQ(result.stages[0].peakBytes, 100 + 2 * 64 + 8 + 8);
  EXPECT_EQ(result.stages[0].staticBytes, 100);
}

}  // namespace
}  // namespace caracal::sim
