// The order of a lowered plan and the lifetimes of its tensors, drawn as rows of text.
#include "core/plan/program.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "core/plan/item_effects.h"
#include "core/plan/liveness.h"
#include "tests/support/draw_program.h"
#include "tests/support/layers.h"
#include "tests/support/schedules.h"

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

Program lowered(const profile::Profile& profile, const Plan& plan) {
  auto program = lower(profile, plan);
  EXPECT_TRUE(program.has_value()) << (program ? "" : program.error().text());
  return program ? *program : Program{};
}

Program loweredWith(const profile::Profile& profile, const std::string& policy) {
  return lowered(profile, makePlanOf(profile, {placements(profile.kinds[0], policy)}));
}

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

TEST(Program, tensorsDieAfterTheLastItemThatReadsThem) {
  const auto profile = makeProfile(tinyLayer(), 1, 1, 1);
  const Program program = loweredWith(
      profile, "ln1=onDemand attn=retained residual1=retained fc1=onDemand act=onDemand");
  EXPECT_EQ(drawPass(profile, program.stages[0], "F0", Draw::kReleases),
            "embed ln1 attn(ln1) [fwd.attn ] residual1(tp_attn) fc1 act(fc1) [fwd.mlp ](act) "
            "residual2(tp_mlp) "
            "head loss(loss)");
  EXPECT_EQ(drawPass(profile, program.stages[0], "B0", Draw::kReleases),
            "~loss(head) ~head(residual2) fc1'0 act'0 ~residual2 ~act(act,fc1) ~fc1(residual1) "
            "[bwd.mlp ] ln1'0 "
            "~residual1 ~attn(attn,ln1) ~ln1(input) [bwd.attn ] ~embed");
}

TEST(Program, aRebuiltTensorThatNobodyReadsDiesAtOnce) {
  const auto profile = makeProfile(tinyLayer(), 1, 1, 1);
  const Program program =
      lowered(profile, makePlanOf(profile, {test::recomputeAll(profile.kinds[0])}));
  EXPECT_NE(drawPass(profile, program.stages[0], "B0", Draw::kReleases)
                .find("residual2'0(tp_mlp,residual2)"),
            std::string::npos)
      << drawPass(profile, program.stages[0], "B0", Draw::kReleases);
}

TEST(Program, aTensorRetainedOnlyToRecomputeFromLivesUntilThen) {
  const auto profile = makeProfile(tinyLayer(), 2, 2, 2);
  const Program program = loweredWith(
      profile,
      "ln1=retained attn=retained tp_attn=retained residual1=fwd.attn fc1=retained act=retained");
  EXPECT_NE(
      drawPass(profile, program.stages[0], "F1", Draw::kReleases).find("residual1'0(tp_attn@0)"),
      std::string::npos)
      << drawPass(profile, program.stages[0], "F1", Draw::kReleases);
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

// Executes a program's lifetimes one by one: the slow, obvious reading of program.h.
class LifetimeCheck {
 public:
  LifetimeCheck(const DeviceShape& device, const StageProgram& stage)
      : m_device(device), m_stage(stage) {}

  void run() {
    for (const Item& item : m_stage.items) {
      if (item.chunk < 0) continue;
      const StageShape& shape = m_device.of(item);
      const std::string where = test::passOf(item) + " " + test::drawItem(shape.profile, item);
      const bool wait = item.action == Action::kCollectiveWait;
      if (!wait) read(item, where);
      forEachMade(shape, item, [&](const TensorRef& tensor) {
        EXPECT_TRUE(m_alive.insert(key(tensor)).second) << where << " makes what is alive";
      });
      if (wait) read(item, where);
      for (uint32_t r = item.releaseBegin; r < item.releaseEnd; ++r) {
        EXPECT_EQ(m_alive.erase(key(m_stage.releases[r])), 1u)
            << where << " releases what is not alive";
      }
    }
    EXPECT_TRUE(m_alive.empty()) << m_alive.size() << " tensors leak";
  }

 private:
  using Key = std::tuple<int32_t, int16_t, int32_t>;
  static Key key(const TensorRef& tensor) { return {tensor.layer, tensor.op, tensor.microBatch}; }
  void read(const Item& item, const std::string& where) {
    const StageShape& shape = m_device.of(item);
    forEachRead(shape, item, [&](const TensorRef& tensor) {
      EXPECT_TRUE(m_alive.count(key(tensor)))
          << where << " reads " << test::idOf(shape.profile, tensor.layer, tensor.op)
          << " of layer " << tensor.layer << ", which is not alive";
    });
  }

  const DeviceShape& m_device;
  const StageProgram& m_stage;
  std::set<Key> m_alive;
};

TEST(Program, randomPoliciesFindEverythingAliveAndLeakNothing) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    auto profile = makeProfile(
        test::randomLayer(random, static_cast<int>(test::pick(random, 2, 5)), seed % 5 != 0),
        static_cast<int32_t>(test::pick(random, 8, 10)), 1, 1);
    const test::SizedSchedule schedule = test::randomSchedule(random, 4);
    profile.parallel.pipeline = schedule.devices;
    profile.parallel.microBatches = schedule.microBatches;
    SCOPED_TRACE(schedule.name);
    profile.kinds.push_back(test::randomLayer(random, 2));
    if (seed % 2 == 0) {
      for (profile::LayerKind& kind : profile.kinds) test::addGathers(random, 2, kind);
    }
    for (uint32_t& kind : profile.layers) kind = static_cast<uint32_t>(test::pick(random, 0, 1));
    const Plan plan = makePlanOf(profile,
                                 {test::randomPlacements(random, profile.kinds[0]),
                                  test::randomPlacements(random, profile.kinds[1])},
                                 schedule.name);
    const Program program = lowered(profile, plan);
    const ProfileGraphs graphs(profile);
    for (const StageProgram& stage : program.stages)
      LifetimeCheck(deviceShape(profile, graphs, plan, stage), stage).run();
    if (testing::Test::HasFailure()) return;
  }
}

// Between a needed tensor's last making and its first backward reader nothing may touch it: a
// tensor that a policy does not keep must have been made again.
TEST(Program, recomputedTensorsAreMadeTwiceAndRetainedOnesOnce) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const auto profile = makeProfile(test::randomLayer(random, 4), 4, 2, 3);
    const auto policy = test::randomPlacements(random, profile.kinds[0]);
    const Plan plan = makePlanOf(profile, {policy});
    const Program program = lowered(profile, plan);
    const ProfileGraphs graphs(profile);
    for (int32_t s = 0; s < 2; ++s) {
      const StageShape shape{profile, graphs, plan.stages[static_cast<size_t>(s)], s, 2};
      std::map<std::tuple<int32_t, int16_t, int32_t>, int> made;
      for (const Item& item : program.stages[static_cast<size_t>(s)].items) {
        forEachMade(shape, item, [&](const TensorRef& t) {
          ++made[{t.layer, t.op, t.microBatch}];
        });
      }
      for (const auto& [tensor, times] : made) {
        const auto [layer, op, microBatch] = tensor;
        if (layer < 0 || op < 0) continue;
        EXPECT_EQ(times, policy[static_cast<size_t>(op)].recomputed() ? 2 : 1)
            << "layer " << layer << " " << test::idOf(profile, layer, op) << " micro-batch "
            << microBatch;
      }
    }
  }
}

}  // namespace
}  // namespace caracal::plan
