// opt's search of one stage: its pieces against the stage model, its bound against other chains.
#include "core/planner/stage_optimum.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>

#include "core/planner/chain_search.h"
#include "tests/support/layers.h"
#include "tests/support/legal_policies.h"
#include "tests/support/seeds.h"

namespace caracal::planner {
namespace {

enum class Contended : uint8_t { kNever, kSometimes };

struct Sizes {
  int operators = 1;  // per block of a layer
  int64_t leastLayers = 2, mostLayers = 6;
  int64_t mostStages = 1;
};

// One stage of a small random pipeline, and a budget between keeping all and keeping nothing.
struct RandomStage {
  RandomStage(uint64_t seed, const Sizes& sizes, Contended contended = Contended::kSometimes)
      : random(seed) {
    const profile::LayerKind layer = test::randomLayer(random, sizes.operators);
    const int64_t layers = test::pick(random, sizes.leastLayers, sizes.mostLayers);
    const int64_t stages = test::pick(random, 1, sizes.mostStages);
    const int64_t microBatches = test::pick(random, 1, 4);
    profile = test::makeProfile(layer, static_cast<int32_t>(layers), static_cast<int32_t>(stages),
                                static_cast<int32_t>(microBatches));
    if (seed % 3 == 0) test::addGathers(random, 1, profile.kinds[0]);
    if (contended == Contended::kSometimes && seed % 4 == 0) profile.rho = 1.3;
    if (contended == Contended::kSometimes && seed % 8 == 0) profile.kappa = 1.2;
    graphs.emplace(profile);
    plan = test::makePlanOf(profile, {test::keepAll(profile.kinds[0])});
    const auto count = static_cast<int32_t>(plan.stages.size());
    const auto index = static_cast<int32_t>(test::pick(random, 0, count - 1));
    model.emplace(
        plan::StageShape{profile, *graphs, plan.stages[static_cast<size_t>(index)], index, count});
    gaps = {draw(model->steadyCount()), draw(model->tailCount())};
    const KindPolicies all{test::keepAll(profile.kinds[0])};
    const KindPolicies none{test::recomputeAll(profile.kinds[0])};
    const int64_t most = model->peakBytes(all, model->resolve(all));
    const int64_t least = model->peakBytes(none, model->resolve(none));
    budgetBytes = test::pick(random, std::min(least, most), most);
  }
  RandomStage(const RandomStage&) = delete;

  GradientGaps draw(int64_t count) {
    std::vector<int64_t> waits(static_cast<size_t>(count), 0);
    if (model->shape().linkedAfter()) {
      for (int64_t& wait : waits) wait = test::pick(random, 0, 100);
    }
    return GradientGaps(waits);
  }

  // The cheapest of many chains of random legal policies that fit.
  std::optional<StageChain> bestOfRandomChains(StageMix& mix, int chains) {
    std::optional<StageChain> best;
    for (int chain = 0; chain < chains; ++chain) {
      Chain layers;
      for (int64_t l = 0; l < model->layersOfKind(0); ++l) {
        auto placements = test::randomPlacements(random, profile.kinds[0]);
        if (placements.back().kind == test::PlacementKind::kWindow)
          placements.back() = {test::PlacementKind::kOnDemand};
        for (auto& placement : placements) {
          const bool forward = placement.kind == test::PlacementKind::kWindow &&
                               placement.window <= test::WindowId::kFwdMlp;
          if (forward && model->inFlight() == 1) placement = {test::PlacementKind::kRetained};
        }
        layers.push_back(mix.table().add(0, placements));
      }
      StageChain judged = mix.judge(std::move(layers));
      if (judged.peakBytes > budgetBytes || (best && judged.objectiveNs >= best->objectiveNs))
        continue;
      best = std::move(judged);
    }
    return best;
  }

  test::Random random;
  profile::Profile profile;
  std::optional<plan::ProfileGraphs> graphs;
  plan::Plan plan;
  std::optional<StageModel> model;
  StageGaps gaps;
  int64_t budgetBytes = 0;
};

StageTask taskOf(const RandomStage& stage) {
  return {*stage.model, chargesOf(*stage.model, stage.gaps), stage.budgetBytes};
}

TEST(StageOptimum, boundHoldsForEveryChainThatFits) {
  int proven = 0, tried = 0;
  for (uint64_t seed = 1; seed <= test::seedCount(250); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStage stage(seed, {1, 2, 6, 2});
    StageMix mix(*stage.model, stage.gaps, stage.budgetBytes, kThoroughMix, {});
    const std::optional<StageChain> best = stage.bestOfRandomChains(mix, 400);
    if (!best) continue;
    ++tried;
    const StageOptimum found = searchOptimum(taskOf(stage), mix, *best, {});
    EXPECT_LE(found.chain.objectiveNs, best->objectiveNs);
    EXPECT_LE(found.chain.peakBytes, stage.budgetBytes);
    EXPECT_LE(found.boundNs, found.chain.objectiveNs);
    // Knowing less does not prove more.
    const auto cost = static_cast<double>(found.chain.objectiveNs);
    EXPECT_LE(provenBoundNs(taskOf(stage), 2 * cost + 1, {}), cost);
    proven += found.boundNs == found.chain.objectiveNs;
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(static_cast<uint64_t>(tried), test::seedCount(250) / 2);
  EXPECT_GT(proven, tried / 2);
}

// What single choices say adds up to the stage's time and, where no wait for gradients hosts work,
// to its exact peak.
TEST(LayerChoices, addUpToTheStage) {
  int compared = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStage stage(seed, {1, 2, 6, 1});
    if (stage.profile.rho != 1 || stage.model->layersOfKind(0) != 2) continue;
    const StageTerms terms(*stage.model, chargesOf(*stage.model, stage.gaps), stage.budgetBytes);
    LayerPrices prices;
    prices.backward = static_cast<double>(stage.model->microBatches());
    std::vector<ChoiceList> lists;
    for (const LayerTerms& place : terms.places)
      lists.push_back(choicesUpTo(place, prices, 1e15, {100'000'000, 100'000, {}}));
    VariantTable table(*stage.model);
    for (int pair = 0; pair < 50; ++pair) {
      const auto draw = [&](size_t layer) -> const LayerChoice& {
        const auto& choices = lists[terms.placeOf[layer]].choices;
        return choices[static_cast<size_t>(
            test::pick(stage.random, 0, static_cast<int64_t>(choices.size()) - 1))];
      };
      const LayerChoice &below = draw(0), &top = draw(1);
      const Chain chain{table.add(0, below.placements), table.add(0, top.placements)};
      const double room = terms.places[0].ownMlp.roomNs;
      const double hostedNs = top.ownMlpNs + (top.closesOwnMlp ? 0 : below.prevMlpNs);
      const double hiddenNs = std::min(room, below.ownMlpNs) + std::min(room, hostedNs);
      const auto real =
          static_cast<double>(objectiveNs(*stage.model, stage.gaps, table.passTimes(chain)));
      const double sum = timeNs(prices, below) + timeNs(prices, top) - prices.backward * hiddenNs;
      EXPECT_EQ(sum, real);
      const int64_t peak = std::max(below.backward.peakWith({}),
                                    below.oldestBytes + top.backward.peakWith(below.hosted));
      EXPECT_EQ(table.peakBytes(chain) - peak, stage.budgetBytes - terms.roomBytes);
      ++compared;
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(compared, 200);
}

// Policies that rebuild nothing in vain.
std::vector<std::vector<plan::Placement>> policiesOf(const StageModel& model) {
  const auto& links = model.shape().graphs.kinds[0].operators;
  std::vector<std::vector<plan::Placement>> policies;
  test::LegalPolicies(model, [&](const std::vector<plan::Placement>& placements) {
    for (size_t op = 0; op < placements.size(); ++op) {
      const auto& consumers = links[op].consumers;
      const bool used = links[op].firstReader >= 0 ||
                        std::any_of(consumers.begin(), consumers.end(), [&](int16_t consumer) {
                          return placements[consumer].recomputed();
                        });
      const bool kept = placements[op].kind != plan::PlacementKind::kDiscarded;
      if (kept && !used) return;
    }
    policies.push_back(placements);
  });
  return policies;
}

StageChain fullRecompute(const RandomStage& stage, StageMix& mix) {
  const auto layers = static_cast<size_t>(stage.model->layersOfKind(0));
  return mix.judge(Chain(layers, mix.table().add(0, test::recomputeAll(stage.profile.kinds[0]))));
}

TEST(StageOptimum, equalsBruteForceOnTwoTinyLayers) {
  constexpr size_t kMostPolicies = 500;
  int compared = 0, exposed = 0;
  for (uint64_t seed = 1; compared < 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStage stage(seed, {1, 2, 2, 1}, Contended::kNever);
    const auto policies = policiesOf(*stage.model);
    StageMix mix(*stage.model, stage.gaps, stage.budgetBytes, kThoroughMix, {});
    StageChain start = fullRecompute(stage, mix);
    if (policies.size() > kMostPolicies || start.peakBytes > stage.budgetBytes) continue;
    int64_t least = std::numeric_limits<int64_t>::max();
    for (const auto& below : policies) {
      for (const auto& top : policies) {
        const StageChain chain = mix.judge({mix.table().add(0, below), mix.table().add(0, top)});
        if (chain.peakBytes <= stage.budgetBytes) least = std::min(least, chain.objectiveNs);
      }
    }
    const StageOptimum found = searchOptimum(taskOf(stage), mix, std::move(start), {});
    EXPECT_EQ(found.chain.objectiveNs, least);
    EXPECT_EQ(found.boundNs, least);
    exposed += least > 0;
    ++compared;
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(exposed, 3);
}

// A stage alone, collectives that slow nothing down: proven to the nanosecond, and so never worse
// with more memory.
TEST(StageOptimum, isExactForFourLayers) {
  int exposed = 0;
  for (uint64_t seed = 1; seed <= test::seedCount(12); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStage stage(seed, {2, 4, 4, 1}, Contended::kNever);
    int64_t before = std::numeric_limits<int64_t>::max();
    for (int more = 0; more < 2; ++more) {
      StageMix mix(*stage.model, stage.gaps, stage.budgetBytes, kThoroughMix, {});
      StageChain start = fullRecompute(stage, mix);
      if (start.peakBytes > stage.budgetBytes) break;
      const StageOptimum found = searchOptimum(taskOf(stage), mix, std::move(start), {});
      EXPECT_EQ(found.boundNs, found.chain.objectiveNs);
      EXPECT_LE(found.chain.objectiveNs, before);
      before = found.chain.objectiveNs;
      exposed += before > 0;
      stage.budgetBytes += 40;
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(static_cast<uint64_t>(exposed), test::seedCount(12) / 3);
}

TEST(StageOptimum, endsWhenAskedWithWhatItStartedFrom) {
  RandomStage stage(5, {3, 2, 6, 1});
  std::stop_source source;
  source.request_stop();
  const MixStop stop{source.get_token()};
  StageMix mix(*stage.model, stage.gaps, stage.budgetBytes, kThoroughMix, stop);
  const StageChain start = fullRecompute(stage, mix);
  const StageOptimum found = searchOptimum(taskOf(stage), mix, start, stop);
  EXPECT_EQ(found.chain.layers, start.layers);
  EXPECT_LE(found.boundNs, start.objectiveNs);
}

}  // namespace
}  // namespace caracal::planner
