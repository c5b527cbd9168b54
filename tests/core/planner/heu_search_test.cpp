// HEU's search against brute force over every policy of small random layers.
#include "core/planner/heu_search.h"

#include <gtest/gtest.h>

#include <optional>

#include "core/planner/pooled_windows.h"
#include "tests/support/layers.h"
#include "tests/support/legal_policies.h"
#include "tests/support/seeds.h"

namespace caracal::planner {
namespace {

using plan::Placement;
using plan::PlacementKind;

// A pipeline of equal stages and the model of one of them.
struct Stage {
  Stage(const profile::Profile& of, int32_t index)
      : profile(of),
        graphs(profile),
        plan(test::makePlanOf(profile, {test::keepAll(profile.kinds[0])})) {
    model.emplace(plan::StageShape{profile, graphs, plan.stages[static_cast<size_t>(index)], index,
                                   static_cast<int32_t>(plan.stages.size())});
  }
  Stage(const Stage&) = delete;

  profile::Profile profile;
  plan::ProfileGraphs graphs;
  plan::Plan plan;
  std::optional<StageModel> model;
};

profile::Profile smallProfile(test::Random& random, int operatorsPerBlock) {
  auto profile = test::makeProfile(test::randomLayer(random, operatorsPerBlock),
                                   static_cast<int32_t>(test::pick(random, 3, 9)),
                                   static_cast<int32_t>(test::pick(random, 1, 3)),
                                   static_cast<int32_t>(test::pick(random, 1, 5)));
  if (test::pick(random, 0, 2) == 0) test::addGathers(random, 1, profile.kinds[0]);
  if (test::pick(random, 0, 3) == 0) {
    profile.kappa = 1.3;
    profile.rho = 1.2;
  }
  return profile;
}

StageGaps randomGaps(test::Random& random, const StageModel& model) {
  const auto draw = [&](int64_t count) {
    std::vector<int64_t> gaps(static_cast<size_t>(count), 0);
    if (model.shape().isLast()) return gaps;
    for (int64_t& gap : gaps) gap = test::pick(random, 0, 200);
    return gaps;
  };
  return {GradientGaps(draw(model.steadyCount())), GradientGaps(draw(model.tailCount()))};
}

// The best of every legal policy.
struct BruteForce {
  BruteForce(const Stage& stage, const StageGaps& gaps, int64_t budgetBytes) {
    const StageModel& model = *stage.model;
    test::LegalPolicies(model, [&](const std::vector<Placement>& placements) {
      const KindPolicies policies{placements};
      const ResolvedPolicies resolved = model.resolve(policies);
      const int64_t bytes = model.peakBytes(policies, resolved);
      leastBytes = std::min(leastBytes.value_or(bytes), bytes);
      if (bytes > budgetBytes) return;
      const int64_t time = objectiveNs(model, gaps, model.passTimes(resolved));
      leastTimeNs = std::min(leastTimeNs.value_or(time), time);
    });
  }

  std::optional<int64_t> leastTimeNs, leastBytes;
};

TEST(HeuSearch, equalsBruteForceOnSmallLayers) {
  int feasible = 0, infeasible = 0;
  for (uint64_t seed = 1; seed <= test::seedCount(60); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const auto profile = smallProfile(random, 1);
    const auto index = static_cast<int32_t>(test::pick(random, 0, profile.parallel.pipeline - 1));
    Stage stage(profile, index);
    const StageGaps gaps = randomGaps(random, *stage.model);
    const KindPolicies all{test::keepAll(profile.kinds[0])};
    const int64_t most = stage.model->peakBytes(all, stage.model->resolve(all));
    const KindPolicies none{test::recomputeAll(profile.kinds[0])};
    const int64_t least = stage.model->peakBytes(none, stage.model->resolve(none));
    const int64_t budget = test::pick(random, std::min(least, most) - 30, most);

    const BruteForce brute(stage, gaps, budget);
    const auto& expected = brute.leastTimeNs;
    HeuRequest request;
    request.budgetBytes = budget;
    const HeuPolicy found = searchHeu(*stage.model, gaps, request);
    EXPECT_TRUE(found.complete);
    ASSERT_EQ(found.found, expected.has_value()) << "budget " << budget;
    ++(found.found ? feasible : infeasible);
    if (found.found) {
      EXPECT_EQ(found.objectiveNs, *expected);
      EXPECT_LE(found.peakBytes, budget);
    }
    request.budgetBytes = kNoLimit;
    request.goal = HeuGoal::kLeastMemory;
    EXPECT_EQ(searchHeu(*stage.model, gaps, request).peakBytes, brute.leastBytes.value());
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(feasible, 10);
  EXPECT_GT(infeasible, 2);
}

// A window that leaves compute free for longer never makes recomputation cost more.
TEST(HeuSearch, costsNoMoreWhenAWindowGrows) {
  int cheaper = 0;
  for (uint64_t seed = 1; seed <= test::seedCount(300); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    profile::Profile narrow = smallProfile(random, 2);
    narrow.kappa = narrow.rho = 1.0;
    if (narrow.kinds[0].windows.empty()) continue;
    for (profile::Window& window : narrow.kinds[0].windows)
      window.overlappedNs = window.transferNs * test::pick(random, 0, 4) / 4;
    profile::Profile wide = narrow;
    auto& grown = wide.kinds[0].windows[static_cast<size_t>(
        test::pick(random, 0, static_cast<int64_t>(wide.kinds[0].windows.size()) - 1))];
    grown.overlappedNs = test::pick(random, 0, grown.overlappedNs / 4);
    const auto index = static_cast<int32_t>(test::pick(random, 0, narrow.parallel.pipeline - 1));
    const Stage before(narrow, index), after(wide, index);
    const StageGaps gaps = randomGaps(random, *before.model);
    const HeuPolicy least = searchHeu(*before.model, gaps, {.goal = HeuGoal::kLeastMemory});
    HeuRequest request;
    const KindPolicies all{test::keepAll(narrow.kinds[0])};
    const int64_t most = before.model->peakBytes(all, before.model->resolve(all));
    request.budgetBytes =
        least.peakBytes + (most - least.peakBytes) * test::pick(random, 0, 4) / 10;
    const HeuPolicy first = searchHeu(*before.model, gaps, request);
    const HeuPolicy second = searchHeu(*after.model, gaps, request);
    ASSERT_TRUE(first.found && first.complete && second.found && second.complete);
    EXPECT_LE(second.objectiveNs, first.objectiveNs);
    cheaper += second.objectiveNs < first.objectiveNs;
  }
  EXPECT_GT(static_cast<uint64_t>(cheaper), test::seedCount(300) / 15)
      << "the windows must matter for the test to say anything";
}

// What a stage does of its own accord, in no particular window, costs no less than if all its
// forward windows were one and all its backward windows were one.
TEST(HeuSearch, exposesNoLessThanWithAllWindowsInOnePool) {
  int bounded = 0;
  for (uint64_t seed = 1; seed <= test::seedCount(300); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const profile::Profile profile = smallProfile(random, 2);
    const auto index = static_cast<int32_t>(test::pick(random, 0, profile.parallel.pipeline - 1));
    const Stage stage(profile, index);
    const StageModel& model = *stage.model;
    const StageGaps gaps = randomGaps(random, model);
    KindPolicies policies{test::randomPlacements(random, profile.kinds[0])};
    plan::Placement& last = policies[0].back();
    if (last.kind == plan::PlacementKind::kWindow) last = {plan::PlacementKind::kOnDemand};
    const ResolvedPolicies resolved = model.resolve(policies);
    PooledWork work;
    for (size_t c = 0; c < resolved.size(); ++c) {
      for (size_t op = 0; op < resolved[c].steady.slots.size(); ++op) {
        const plan::Slot slot = resolved[c].steady.slots[op];
        if (slot == plan::Slot::kNone) continue;
        const profile::Operator& made = profile.kinds[0].operators[op];
        const int64_t ns = model.classes()[c].count * made.forwardNs;
        const bool collective = made.kind == profile::OperatorKind::kCollective;
        if (slot <= plan::Slot::kPipe) {
          work.earlyNs += ns;
        } else if (collective) {
          work.lateCollectiveNs += ns;
        } else {
          work.lateNs += ns;
          work.lateOwnNs += ns;
        }
      }
    }
    const PooledWindows pool(model, gaps);
    const int64_t boundNs = pool.earlyCostNs(work.earlyNs) + pool.lateCostNs(work);
    EXPECT_GE(objectiveNs(model, gaps, model.passTimes(resolved)), boundNs);
    bounded += boundNs > 0;
  }
  EXPECT_GT(bounded, 0) << "the bound must say something";
}

// It looks for a stop before its first step and then after so many: cancelling shows at once.
TEST(HeuSearch, doesNothingOnceStopped) {
  test::Random random(1);
  const Stage stage(smallProfile(random, 5), 0);
  const StageGaps gaps = noGapsOf(*stage.model);
  std::stop_source source;
  source.request_stop();
  const MixStop asked{source.get_token()};
  const MixStop outOfTime{{}, MixStop::Clock::now() - std::chrono::seconds(1)};
  for (const MixStop& stop : {asked, outOfTime}) {
    const HeuPolicy found = searchHeu(*stage.model, gaps, {}, stop);
    EXPECT_FALSE(found.complete);
    EXPECT_FALSE(found.found);
    EXPECT_LE(found.nodes, 2);
  }
}

TEST(HeuSearch, stopsWhenAskedAndSaysSo) {
  test::Random random(1);
  const auto profile = smallProfile(random, 5);
  Stage stage(profile, 0);
  HeuRequest request;
  request.nodeLimit = 3;
  EXPECT_FALSE(searchHeu(*stage.model, {}, request).complete);
}

}  // namespace
}  // namespace caracal::planner
