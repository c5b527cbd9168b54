// PlacedWork against the stage model, and its bounds against what they bound.
#include "core/planner/placed_work.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "tests/support/layers.h"
#include "tests/support/seeds.h"

namespace caracal::planner {
namespace {

using plan::Slot;

// A stage of layers alike, with several collectives for some placements.
struct RandomStage {
  explicit RandomStage(uint64_t seed) : random(seed) {
    profile = test::makeProfile(test::randomLayer(random, 4), 4, 2, 4);
    test::addGathers(random, 2, profile.kinds[0]);
    if (seed % 4 == 0) {
      profile.kappa = 1.3;
      profile.rho = 1.2;
    }
    graphs.emplace(profile);
    plan = test::makePlanOf(profile, {test::keepAll(profile.kinds[0])});
    model.emplace(plan::StageShape{profile, *graphs, plan.stages[0], 0, 2});
  }
  RandomStage(const RandomStage&) = delete;

  std::vector<Slot> randomSlots() {
    std::vector<Slot> some{Slot::kNone};
    const plan::LayerGraph& graph = graphs->kinds[0];
    for (const auto& [slot, window] : {std::pair{Slot::kFwdAttn, plan::WindowId::kFwdAttn},
                                       std::pair{Slot::kFwdMlp, plan::WindowId::kFwdMlp},
                                       std::pair{Slot::kPrevBwdMlp, plan::WindowId::kPrevBwdMlp},
                                       std::pair{Slot::kPrevBwdAttn, plan::WindowId::kPrevBwdAttn},
                                       std::pair{Slot::kOwnBwdMlp, plan::WindowId::kOwnBwdMlp}}) {
      if (graph.hasHost(window)) some.push_back(slot);
    }
    std::vector<Slot> slots;
    for (size_t op = 0; op < graph.operators.size(); ++op)
      slots.push_back(
          some[static_cast<size_t>(test::pick(random, 0, static_cast<int64_t>(some.size()) - 1))]);
    return slots;
  }

  test::Random random;
  profile::Profile profile;
  std::optional<plan::ProfileGraphs> graphs;
  plan::Plan plan;
  std::optional<StageModel> model;
};

TEST(PlacedWork, overflowsAsTheStageModelSays) {
  int split = 0;
  for (uint64_t seed = 1; seed <= test::seedCount(300); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStage stage(seed);
    const std::vector<Slot> slots = stage.randomSlots();
    PlacedWork placed(*stage.model, 0);
    for (size_t op = slots.size(); op-- > 0;) {
      if (slots[op] != Slot::kNone) placed.place(op, slots[op]);
    }
    LayerVariant variant;
    variant.tail = {slots, plan::recomputeHosts(stage.model->shape(), {0, 0}, slots)};
    EXPECT_EQ(placed.forwardOverflowNs(), stage.model->forwardExtraNs(0, variant.tail));
    EXPECT_EQ(placed.backwardOverflowNs(), stage.model->backwardOverflowNs(variant, &variant));
    EXPECT_EQ(placed.ownOverflowNs(), stage.model->backwardOverflowNs(variant, nullptr));
    const auto& hosts = stage.graphs->kinds[0].hosts;
    split += std::any_of(hosts.begin(), hosts.end(), [](const auto& of) { return of.size() > 1; });
  }
  EXPECT_GT(split, 0) << "some placement must have several collectives";
}

// At every step of placing, what is free and what overflows bound what all of it will overflow.
TEST(PlacedWork, boundsTheOverflowOfMoreWork) {
  for (uint64_t seed = 1; seed <= test::seedCount(300); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStage stage(seed);
    const std::vector<Slot> slots = stage.randomSlots();
    struct Bound {
      PlacedWork::Room forward, backward;
      int64_t forwardNs = 0, backwardNs = 0;  // operators placed until then
    };
    std::vector<Bound> bounds;
    PlacedWork placed(*stage.model, 0);
    int64_t forwardNs = 0, backwardNs = 0;
    for (size_t op = slots.size(); op-- > 0;) {
      if (slots[op] == Slot::kNone) continue;
      const profile::Operator& made = stage.profile.kinds[0].operators[op];
      placed.place(op, slots[op]);
      if (made.kind != profile::OperatorKind::kCollective)
        (slots[op] <= Slot::kFwdMlp ? forwardNs : backwardNs) += made.forwardNs;
      bounds.push_back({placed.forwardRoom(), placed.backwardRoom(), forwardNs, backwardNs});
    }
    const int64_t forwardOverflowNs = placed.forwardOverflowNs();
    const int64_t backwardOverflowNs = placed.backwardOverflowNs();
    for (const Bound& bound : bounds) {
      const auto least = [](const PlacedWork::Room& room, int64_t moreNs) {
        return room.overflowNs + std::max<int64_t>(0, moreNs - room.freeNs);
      };
      EXPECT_LE(least(bound.forward, forwardNs - bound.forwardNs), forwardOverflowNs);
      EXPECT_LE(least(bound.backward, backwardNs - bound.backwardNs), backwardOverflowNs);
    }
    while (!bounds.empty()) {
      placed.takeBack();
      bounds.pop_back();
    }
    EXPECT_EQ(placed.backwardOverflowNs(), 0);
    EXPECT_EQ(placed.forwardRoom().overflowNs, 0);
  }
}

}  // namespace
}  // namespace caracal::planner
