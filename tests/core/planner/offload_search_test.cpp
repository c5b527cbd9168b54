// Offload on top of a policy: never slower, within every budget, and worth something where memory
// is short and the host is near.
#include "core/planner/offload_search.h"

#include <gtest/gtest.h>

#include "core/planner/policy.h"
#include "core/profile/model_description.h"
#include "core/sim/simulator.h"
#include "tests/support/layers.h"

namespace caracal::planner {
namespace {

PlanOutcome planned(const profile::Profile& profile, const PlanRequest& request) {
  const auto outcome = makePlan(profile, request);
  EXPECT_TRUE(outcome.has_value()) << (outcome ? "" : outcome.error().text());
  return outcome.value_or(PlanOutcome{});
}

PlanRequest offloading(const std::string& policy, int64_t budgetBytes) {
  PlanRequest request{policy, budgetBytes};
  request.offload = true;
  return request;
}

bool offloads(const plan::Plan& plan) {
  for (const plan::StagePlan& stage : plan.stages) {
    for (const plan::LayerPolicy& layer : stage.layers) {
      for (const plan::Placement placement : layer.placements) {
        if (placement.kind == plan::PlacementKind::kOffload) return true;
      }
    }
  }
  return false;
}

TEST(OffloadSearch, needsALinkToTheHost) {
  const auto profile = test::makeProfile(test::tinyLayer(), 4, 2, 3);
  const auto outcome = makePlan(profile, offloading("heu+", 1000));
  ASSERT_FALSE(outcome.has_value());
  EXPECT_NE(outcome.error().message.find("links.host"), std::string::npos);
}

TEST(OffloadSearch, isOffUnlessAskedFor) {
  auto profile = test::makeProfile(test::tinyLayer(), 8, 2, 4);
  profile.hostLink = {0, 1e12};
  const int64_t least = planned(profile, {"heu+", 1}).smallestBudgetBytes;
  EXPECT_FALSE(offloads(planned(profile, {"heu+", least}).plan));
}

// 16 bytes cross in less than a nanosecond, so what fits nowhere else goes to the host.
TEST(OffloadSearch, aFastHostTakesWhatWouldBeRecomputed) {
  auto profile = test::makeProfile(test::tinyLayer(), 8, 2, 4);
  profile.hostLink = {0, 1e12};
  const PlanOutcome none = planned(profile, {"none", 1});
  const int64_t least = planned(profile, {"checkmate", 1}).smallestBudgetBytes;
  const int64_t budget = (least + none.smallestBudgetBytes) / 2;
  const PlanOutcome without = planned(profile, {"checkmate", budget});
  const PlanOutcome with = planned(profile, offloading("checkmate", budget));
  EXPECT_LT(with.stepNs, without.stepNs);
  EXPECT_TRUE(offloads(with.plan));
  EXPECT_EQ(with.status, PlanStatus::kFeasible);
  EXPECT_EQ(with.boundNs, 0) << "checkmate's bound is for plans that offload nothing";
  EXPECT_NE(with.notes.back().find("offloads "), std::string::npos) << with.notes.back();
}

// Single tensors then move where the sets of whole kinds leave something: never to a longer step.
TEST(OffloadSearch, exchangingTensorsMakesNoStepLonger) {
  int shorter = 0;
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    auto profile = test::makeProfile(test::randomLayer(random, 2), 4, 1, 3);
    profile.hostLink = {1, 4e9};
    const int64_t least = planned(profile, {"heu+", 1}).smallestBudgetBytes;
    const PlanRequest request{"heu+", least + 20};
    const Replan replan = [&](const profile::Profile& smaller,
                              int64_t budgetBytes) -> Result<plan::Plan> {
      const PlanOutcome outcome = planned(smaller, {"heu+", budgetBytes});
      return outcome.status == PlanStatus::kInfeasible ? plan::Plan{} : outcome.plan;
    };
    const auto searched = [&](TensorExchange exchange) {
      return offloadSearch(profile, planned(profile, request).plan, request.budgetBytes, replan,
                           exchange, {})
          .value();
    };
    const OffloadOutcome sets = searched(TensorExchange::kNone);
    const OffloadOutcome single = searched(TensorExchange::kSingle);
    EXPECT_LE(single.stepNs, sets.stepNs);
    EXPECT_TRUE(sim::simulate(profile, single.plan)->fits);
    shorter += single.stepNs < sets.stepNs;
  }
  EXPECT_GT(shorter, 0);
}

// A shipped model on shipped hardware, memory short: copies hide beside compute.
TEST(OffloadSearch, makesAStepOfARealModelShorter) {
  const auto model = profile::loadModel("gpt-7b");
  ASSERT_TRUE(model.has_value()) << model.error().text();
  const auto hardware = profile::loadHardware(model->gpu);
  ASSERT_TRUE(hardware.has_value()) << hardware.error().text();
  const auto profile = profile::profileFromModel(*model, *hardware);
  ASSERT_TRUE(profile.has_value()) << profile.error().text();
  const int64_t budget = int64_t{20} << 30;
  const PlanOutcome without = planned(*profile, {"heu+", budget});
  const PlanOutcome with = planned(*profile, offloading("heu+", budget));
  EXPECT_LT(with.stepNs, without.stepNs);
  const auto simulated = sim::simulate(*profile, with.plan);
  ASSERT_TRUE(simulated.has_value());
  EXPECT_TRUE(simulated->fits);
  for (const sim::StageResult& stage : simulated->stages)
    EXPECT_LT(stage.exposedOffloadNs, without.stepNs - with.stepNs);
}

TEST(OffloadSearch, aHostWithoutRoomChangesNothing) {
  auto profile = test::makeProfile(test::tinyLayer(), 8, 2, 4);
  profile.hostLink = {0, 1e12};
  profile.memory.hostBudgetBytes = 1;
  const int64_t least = planned(profile, {"heu+", 1}).smallestBudgetBytes;
  const PlanOutcome with = planned(profile, offloading("heu+", least));
  EXPECT_EQ(with.plan, planned(profile, {"heu+", least}).plan);
  EXPECT_EQ(with.notes.back(), "offloading to the host makes no shorter step");
}

TEST(OffloadSearch, isNeverSlowerAndKeepsEveryBudget) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    auto profile =
        test::makeProfile(test::randomLayer(random, static_cast<int>(test::pick(random, 1, 3))),
                          static_cast<int32_t>(test::pick(random, 3, 5)),
                          static_cast<int32_t>(test::pick(random, 1, 2)),
                          static_cast<int32_t>(test::pick(random, 1, 6)));
    profile.hostLink = {test::pick(random, 0, 3),
                        1e9 * static_cast<double>(1 << test::pick(random, 0, 6))};
    const int64_t least = planned(profile, {"heu", 1}).smallestBudgetBytes;
    const int64_t most = std::max(least, planned(profile, {"none", 1}).smallestBudgetBytes);
    for (const int64_t budget : {least, (least + most) / 2, most}) {
      const PlanOutcome without = planned(profile, {"heu+", budget});
      const PlanOutcome with = planned(profile, offloading("heu+", budget));
      EXPECT_LE(with.stepNs, without.stepNs) << budget;
      const auto simulated = sim::simulate(profile, with.plan);
      ASSERT_TRUE(simulated.has_value());
      EXPECT_TRUE(simulated->fits) << budget;
      EXPECT_EQ(simulated->stepNs, with.stepNs);
      EXPECT_EQ(planned(profile, offloading("heu+", budget)).plan, with.plan);
    }
  }
}

}  // namespace
}  // namespace caracal::planner
