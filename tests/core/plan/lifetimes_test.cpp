// The lifetimes of the tensors of a lowered plan, drawn as rows of text and carried out one by one.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "core/plan/item_effects.h"
#include "core/plan/program.h"
#include "tests/core/plan/lowered.h"
#include "tests/support/draw_program.h"
#include "tests/support/layers.h"
#include "tests/support/schedules.h"

namespace caracal::plan {
namespace {

using test::Draw;
using test::drawPass;
using test::makePlanOf;
using test::makeProfile;
using test::tinyLayer;

TEST(Lifetimes, tensorsDieAfterTheLastItemThatReadsThem) {
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

TEST(Lifetimes, aRebuiltTensorThatNobodyReadsDiesAtOnce) {
  const auto profile = makeProfile(tinyLayer(), 1, 1, 1);
  const Program program =
      lowered(profile, makePlanOf(profile, {test::recomputeAll(profile.kinds[0])}));
  EXPECT_NE(drawPass(profile, program.stages[0], "B0", Draw::kReleases)
                .find("residual2'0(tp_mlp,residual2)"),
            std::string::npos)
      << drawPass(profile, program.stages[0], "B0", Draw::kReleases);
}

TEST(Lifetimes, aTensorRetainedOnlyToRecomputeFromLivesUntilThen) {
  const auto profile = makeProfile(tinyLayer(), 2, 2, 2);
  const Program program = loweredWith(
      profile,
      "ln1=retained attn=retained tp_attn=retained residual1=fwd.attn fc1=retained act=retained");
  EXPECT_NE(
      drawPass(profile, program.stages[0], "F1", Draw::kReleases).find("residual1'0(tp_attn@0)"),
      std::string::npos)
      << drawPass(profile, program.stages[0], "F1", Draw::kReleases);
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

TEST(Lifetimes, randomPoliciesFindEverythingAliveAndLeakNothing) {
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
TEST(Lifetimes, recomputedTensorsAreMadeTwiceAndRetainedOnesOnce) {
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

TEST(Lifetimes, aRepeatedTensorIsComputedAgainButNeverMadeAgain) {
  const auto profile = makeProfile(tinyLayer(), 2, 1, 2);
  const std::string text =
      "ln1=retained attn=repeated residual1=retained fc1=retained act=retained";
  const Plan plan = makePlanOf(profile, {test::placements(profile.kinds[0], text)});
  const Program program = lowered(profile, plan);
  const ProfileGraphs graphs(profile);
  const StageShape shape{profile, graphs, plan.stages[0], 0, 1};
  const auto attn = static_cast<int16_t>(profile.kinds[0].indexOf("attn"));
  int made = 0, again = 0;
  for (const Item& item : program.stages[0].items) {
    forEachMade(shape, item, [&](const TensorRef& t) { made += t.layer == 0 && t.op == attn; });
    again += item.action == Action::kRecompute && item.layer == 0 && item.op == attn;
  }
  EXPECT_EQ(made, 2);  // once for each micro-batch
  EXPECT_EQ(again, 2);
}

}  // namespace
}  // namespace caracal::plan
