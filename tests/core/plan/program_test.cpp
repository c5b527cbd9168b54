// The order of a lowered plan, drawn as rows of text.
#include "core/plan/program.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/core/plan/lowered.h"
#include "tests/support/draw_program.h"
#include "tests/support/layers.h"

namespace caracal::plan {
namespace {

using test::Draw;
using test::drawPass;
using test::drawPasses;
using test::keepAll;
using test::makePlanOf;
using test::makeProfile;
using test::placements;
using test::tinyLayer;

constexpr const char* kKeepAll =
    "ln1=retained attn=retained residual1=retained fc1=retained act=retained";

TEST(Program, stagesRunOneForwardOneBackward) {
  const auto profile = makeProfile(tinyLayer(), 3, 3, 4);
  const Program program = lowered(profile, makePlanOf(profile, {keepAll(profile.kinds[0])}));
  ASSERT_EQ(program.stages.size(), 3u);
  EXPECT_EQ(drawPasses(program.stages[0]), "F0 F1 F2 B0 F3 B1 B2 B3 end");
  EXPECT_EQ(drawPasses(program.stages[1]), "F0 F1 B0 F2 B1 F3 B2 B3 end");
  EXPECT_EQ(drawPasses(program.stages[2]), "F0 B0 F1 B1 F2 B2 F3 B3 end");
  EXPECT_EQ(program.stages[0].inFlight, 3);
  EXPECT_EQ(program.stages[2].inFlight, 1);
}

TEST(Program, fewerMicroBatchesThanStagesAreAllWarmUp) {
  const auto profile = makeProfile(tinyLayer(), 4, 4, 2);
  const Program program = lowered(profile, makePlanOf(profile, {keepAll(profile.kinds[0])}));
  EXPECT_EQ(drawPasses(program.stages[0]), "F0 F1 B0 B1 end");
  EXPECT_EQ(drawPasses(program.stages[2]), "F0 F1 B0 B1 end");
  EXPECT_EQ(drawPasses(program.stages[3]), "F0 B0 F1 B1 end");
}

TEST(Program, keepingEverythingRunsEachOperatorOnceEachWay) {
  const auto profile = makeProfile(tinyLayer(), 2, 2, 2);
  const Program program = loweredWith(profile, kKeepAll);
  EXPECT_EQ(drawPass(profile, program.stages[0], "F0"),
            "embed ln1 attn [fwd.attn ] residual1 fc1 act [fwd.mlp ] residual2 send");
  EXPECT_EQ(drawPass(profile, program.stages[0], "B0"),
            "recv ~residual2 ~act ~fc1 [bwd.mlp ] ~residual1 ~attn ~ln1 [bwd.attn ] ~embed");
  EXPECT_EQ(drawPass(profile, program.stages[1], "F0"),
            "recv ln1 attn [fwd.attn ] residual1 fc1 act [fwd.mlp ] residual2 head loss");
  EXPECT_EQ(drawPass(profile, program.stages[1], "B0"),
            "~loss ~head ~residual2 ~act ~fc1 [bwd.mlp ] ~residual1 ~attn ~ln1 [bwd.attn ] send");
}

TEST(Program, forwardWindowsRebuildTheMicroBatchWhoseBackwardComesNext) {
  const auto profile = makeProfile(tinyLayer(), 2, 2, 3);
  const Program program = loweredWith(
      profile, "ln1=fwd.attn attn=retained residual1=retained fc1=fwd.mlp act=retained");
  EXPECT_EQ(drawPass(profile, program.stages[0], "F0"),
            "embed ln1 attn [fwd.attn ] residual1 fc1 act [fwd.mlp ] residual2 send");
  EXPECT_EQ(drawPass(profile, program.stages[0], "F1"),
            "embed ln1 attn [fwd.attn ln1'0 ] residual1 fc1 act [fwd.mlp fc1'0 ] residual2 send");
  EXPECT_EQ(drawPass(profile, program.stages[0], "B0").substr(0, 18), "recv ~residual2 ~a");
}

TEST(Program, microBatchesWithoutANextForwardRebuildWhileTheGradientIsAwaited) {
  const auto profile = makeProfile(tinyLayer(), 4, 2, 3);
  const Program program = loweredWith(
      profile, "ln1=fwd.attn attn=retained residual1=retained fc1=fwd.mlp act=retained");
  const std::string last = drawPass(profile, program.stages[0], "B2");
  EXPECT_EQ(last.substr(0, last.find(" ~")),
            "ln1'2 fc1'2 ln1'2 fc1'2 recv");  // layer 1, then layer 0
}

TEST(Program, theLastStageRebuildsOnDemandWhatOthersDoInTheWait) {
  const auto profile = makeProfile(tinyLayer(), 4, 2, 3);
  const Program program =
      loweredWith(profile, "ln1=pipe attn=retained residual1=retained fc1=pipe act=retained");
  EXPECT_EQ(drawPass(profile, program.stages[1], "B0"),
            "~loss ~head "
            "fc1'0 ~residual2 ~act ~fc1 [bwd.mlp ] ln1'0 ~residual1 ~attn ~ln1 [bwd.attn ] "
            "fc1'0 ~residual2 ~act ~fc1 [bwd.mlp ] ln1'0 ~residual1 ~attn ~ln1 [bwd.attn ] send");
}

TEST(Program, onDemandWorkRunsBeforeTheSegmentThatFirstReadsIt) {
  const auto profile = makeProfile(tinyLayer(), 1, 1, 1);
  const Program program = loweredWith(
      profile, "ln1=onDemand attn=onDemand residual1=retained fc1=onDemand act=onDemand");
  EXPECT_EQ(drawPass(profile, program.stages[0], "B0"),
            "~loss ~head fc1'0 act'0 ~residual2 ~act ~fc1 [bwd.mlp ] ln1'0 attn'0 ~residual1 ~attn "
            "~ln1 [bwd.attn ] ~embed");
}

TEST(Program, fullRecomputeRepeatsCollectivesBeforeTheBackwardOfEachLayer) {
  const auto profile = makeProfile(tinyLayer(), 1, 1, 1);
  const Program program =
      lowered(profile, makePlanOf(profile, {test::recomputeAll(profile.kinds[0])}));
  EXPECT_EQ(drawPass(profile, program.stages[0], "B0"),
            "~loss ~head ln1'0 attn'0 [tp_attn'0 ] residual1'0 fc1'0 act'0 [tp_mlp'0 ] residual2'0 "
            "~residual2 ~act ~fc1 [bwd.mlp ] ~residual1 ~attn ~ln1 [bwd.attn ] ~embed");
}

TEST(Program, backwardWindowsHoldOwnWorkAndThatOfTheLayerBelow) {
  const auto profile = makeProfile(tinyLayer(), 2, 1, 1);
  const Program program = loweredWith(
      profile,
      "ln1=prev.bwd.mlp attn=own.bwd.mlp residual1=retained fc1=prev.bwd.attn act=retained");
  EXPECT_EQ(drawPass(profile, program.stages[0], "B0"),
            "~loss ~head "
            // the top layer has no layer above: its prev.* work runs on demand
            "ln1'0 fc1'0 ~residual2 ~act ~fc1 [bwd.mlp attn'0 ln1'0 ] ~residual1 ~attn ~ln1 "
            "[bwd.attn fc1'0 ] "
            "~residual2 ~act ~fc1 [bwd.mlp attn'0 ] ~residual1 ~attn ~ln1 [bwd.attn ] ~embed");
}

TEST(Program, aUnitOfSeveralLayersIsRebuiltWholeAtItsTop) {
  const auto profile = makeProfile(tinyLayer(), 2, 1, 1);
  Plan plan = makePlanOf(profile, {test::recomputeAll(profile.kinds[0])});
  plan.stages[0].layers[1].keepsInput = false;
  const Program program = lowered(profile, plan);
  EXPECT_EQ(drawPass(profile, program.stages[0], "B0"),
            "~loss ~head "
            "ln1'0 attn'0 [tp_attn'0 ] residual1'0 fc1'0 act'0 [tp_mlp'0 ] residual2'0 "
            "ln1'0 attn'0 [tp_attn'0 ] residual1'0 fc1'0 act'0 [tp_mlp'0 ] residual2'0 "
            "~residual2 ~act ~fc1 [bwd.mlp ] ~residual1 ~attn ~ln1 [bwd.attn ] "
            "~residual2 ~act ~fc1 [bwd.mlp ] ~residual1 ~attn ~ln1 [bwd.attn ] ~embed");
  EXPECT_NE(drawPass(profile, program.stages[0], "F0", Draw::kReleases)
                .find("residual1(tp_attn,residual2)"),
            std::string::npos)
      << "the upper layer's input is dropped after its forward:\n"
      << drawPass(profile, program.stages[0], "F0", Draw::kReleases);
}

TEST(Program, unknownSchedulesAreRefusedInWords) {
  const auto profile = makeProfile(tinyLayer(), 2, 2, 2);
  Plan plan = makePlanOf(profile, {keepAll(profile.kinds[0])});
  plan.schedule = "interleaved 1F1B";
  const auto program = lower(profile, plan);
  ASSERT_FALSE(program.has_value());
  EXPECT_NE(program.error().message.find("interleaved:V"), std::string::npos);
}

TEST(Program, aSplitBackwardLeavesWeightGradientsToAPassOfTheirOwn) {
  const auto profile = makeProfile(tinyLayer(), 2, 2, 1);
  const Program program =
      lowered(profile, makePlanOf(profile, {keepAll(profile.kinds[0])}, "zb-h1"));
  EXPECT_EQ(drawPasses(program.stages[1]), "F0 B0 W0 end");
  EXPECT_EQ(drawPass(profile, program.stages[1], "B0"),
            "~loss ~head ~residual2 ~act ~fc1 [bwd.mlp ] ~residual1 ~attn ~ln1 [bwd.attn ] send");
  EXPECT_EQ(drawPass(profile, program.stages[1], "W0", Draw::kReleases),
            "*head(residual2,dhead) *fc1(dfc1,residual1)");
}

TEST(Program, whatOnlyWeightGradientsReadIsGatheredInTheirPass) {
  profile::LayerKind kind = tinyLayer();
  profile::Operator& act = kind.operators[static_cast<size_t>(kind.indexOf("act"))];
  act.kind = profile::OperatorKind::kGemm;  // so that it has a weight gradient to run beside
  kind.windows.push_back(test::makeWindow("bwd.regather.mlp", "act", 10));
  auto profile = makeProfile(kind, 2, 2, 1);
  const auto plan = makePlanOf(profile, {keepAll(profile.kinds[0])});
  EXPECT_EQ(drawPass(profile, lowered(profile, plan).stages[1], "B0"),
            "~loss ~head ~residual2 ~act [bwd.regather.mlp ] ~fc1 [bwd.mlp ] ~residual1 ~attn ~ln1 "
            "[bwd.attn ] send");
  const auto split = makePlanOf(profile, {keepAll(profile.kinds[0])}, "zb-h1");
  EXPECT_EQ(drawPass(profile, lowered(profile, split).stages[1], "B0"),
            "~loss ~head ~residual2 ~act ~fc1 [bwd.mlp ] ~residual1 ~attn ~ln1 [bwd.attn ] send");
  EXPECT_EQ(drawPass(profile, lowered(profile, split).stages[1], "W0"),
            "*head [bwd.regather.mlp *act ] *fc1");
  // Context-parallel ranks also send gradients of keys and values there.
  profile.parallel.context = 2;
  EXPECT_EQ(drawPass(profile, lowered(profile, split).stages[1], "W0"), "*head *act *fc1");
}

TEST(Program, chunksOnOneDeviceHandTensorsOverWithoutTransfers) {
  const auto profile = makeProfile(tinyLayer(), 4, 2, 1);
  const Program program =
      lowered(profile, makePlanOf(profile, {keepAll(profile.kinds[0])}, "zb-v"));
  EXPECT_EQ(drawPasses(program.stages[1]), "F0.1 F0.2 B0.2 W0.2 B0.1 W0.1 end");
  EXPECT_EQ(program.stages[1].chunks, (std::vector<HeldChunk>{{1, 0, 1, 1}, {2, 1, 0, 1}}));
  int transfers = 0;
  for (const Item& item : program.stages[1].items) {
    transfers += item.action == Action::kSendForward || item.action == Action::kRecvForward ||
                 item.action == Action::kSendBackward || item.action == Action::kRecvBackward;
  }
  EXPECT_EQ(transfers, 4) << "with device 0 only";
}

TEST(Program, rebuildingATensorAfterItIsReadIsRefused) {
  const auto profile = makeProfile(tinyLayer(), 1, 1, 1);
  const Plan plan = makePlanOf(
      profile,
      {placements(profile.kinds[0],
                  "ln1=retained attn=retained residual1=retained fc1=retained act=own.bwd.mlp")});
  const auto program = lower(profile, plan);
  ASSERT_FALSE(program.has_value());
  EXPECT_NE(program.error().message.find("`act`"), std::string::npos) << program.error().message;
}

TEST(Program, dataParallelReplicasReduceGradientsBeforeTheOptimizer) {
  auto profile = makeProfile(tinyLayer(), 1, 1, 1);
  profile.parallel.data = 2;
  const Program program = lowered(profile, makePlanOf(profile, {keepAll(profile.kinds[0])}));
  EXPECT_EQ(drawPass(profile, program.stages[0], "end"), "reduce optimizer");
}

TEST(Program, gradientsAreReducedBehindTheLastBackwardOfEachLayer) {
  auto profile = makeProfile(tinyLayer(), 2, 1, 2);
  profile.parallel.overlapGradientReduce = true;
  const auto plan = makePlanOf(profile, {keepAll(profile.kinds[0])});
  EXPECT_EQ(drawPass(profile, lowered(profile, plan).stages[0], "end"), "optimizer")
      << "one replica has nothing to reduce";
  profile.parallel.data = 2;
  const Program program = lowered(profile, plan);
  const std::string layer = "~residual2 ~act ~fc1 [bwd.mlp ] ~residual1 ~attn ~ln1 [bwd.attn ]";
  EXPECT_EQ(drawPass(profile, program.stages[0], "B0"),
            "~loss ~head " + layer + " " + layer + " ~embed");
  EXPECT_EQ(drawPass(profile, program.stages[0], "B1"),
            "~loss ~head {input " + layer + " {1 " + layer + " {0 ~embed {input");
  EXPECT_EQ(drawPass(profile, program.stages[0], "end"), "} optimizer");
}

TEST(Program, aSplitBackwardReducesWhereWeightGradientsAreMade) {
  auto profile = makeProfile(tinyLayer(), 2, 2, 2);
  profile.parallel.data = 2;
  profile.parallel.overlapGradientReduce = true;
  const Program program =
      lowered(profile, makePlanOf(profile, {keepAll(profile.kinds[0])}, "zb-h1"));
  EXPECT_EQ(drawPasses(program.stages[1]), "F0 B0 F1 B1 W0 W1 end");
  EXPECT_EQ(drawPass(profile, program.stages[1], "W0"), "*head *fc1");
  EXPECT_EQ(drawPass(profile, program.stages[1], "W1"), "*head {input *fc1 {1");
}

TEST(Program, offloadedTensorsLeaveAfterTheLayerAboveAndComeBackBeforeIt) {
  auto profile = makeProfile(tinyLayer(), 4, 2, 1);
  profile.hostLink = {1, 1e9};
  const Program program =
      loweredWith(profile, "ln1=retained attn=offload residual1=retained fc1=offload act=onDemand");
  const std::string forward = "ln1 attn [fwd.attn ] residual1 fc1 act [fwd.mlp ] residual2";
  EXPECT_EQ(
      drawPass(profile, program.stages[0], "F0"),
      "embed " + forward + " vfc1 vattn " + forward + " vfc1 vattn |fc1 |attn send |fc1 |attn");
  const std::string backward =
      "|fc1 act'0 ~residual2 ~act ~fc1 [bwd.mlp ] |attn ~residual1 ~attn ~ln1 [bwd.attn ]";
  EXPECT_EQ(drawPass(profile, program.stages[0], "B0"),
            "^fc1 ^attn recv ^fc1 ^attn " + backward + " " + backward + " ~embed");
}

}  // namespace
}  // namespace caracal::plan
