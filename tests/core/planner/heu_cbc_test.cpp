// HEU's search against CBC on random stages: the integer program of planner.md section 3, with the
// simulator's memory in it (heu_program.h), has the optimum that HEU found.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <optional>

#include "core/planner/heu_search.h"
#include "core/sim/memory_timeline.h"
#include "tests/core/planner/heu_program.h"
#include "tests/support/layers.h"
#include "tests/support/seeds.h"

namespace caracal::planner {
namespace {

using plan::Placement;
using plan::PlacementKind;

// A stage of a random pipeline with one kind of layer, and the wait for each of its gradients.
struct Stage {
  explicit Stage(test::Random& random)
      : profile(randomProfile(random)),
        graphs(profile),
        plan(test::makePlanOf(profile, {test::keepAll(profile.kinds[0])})) {
    const int32_t stages = profile.parallel.pipeline;
    const auto index = static_cast<int32_t>(test::pick(random, 0, stages - 1));
    model.emplace(
        plan::StageShape{profile, graphs, plan.stages[static_cast<size_t>(index)], index, stages});
    gapNs = model->shape().isLast() ? 0 : test::pick(random, 0, 200);
  }
  Stage(const Stage&) = delete;

  // Of 6, 8 or 10 operators, with some of the four windows.
  static profile::Profile randomProfile(test::Random& random) {
    profile::LayerKind kind = test::randomLayer(random, static_cast<int>(test::pick(random, 1, 3)));
    if (test::pick(random, 0, 1) == 1)
      std::erase_if(kind.windows, [&](const auto&) { return test::pick(random, 0, 1) == 1; });
    const auto stages = static_cast<int32_t>(test::pick(random, 1, 3));
    return test::makeProfile(std::move(kind),
                             stages * static_cast<int32_t>(test::pick(random, 1, 5)), stages,
                             static_cast<int32_t>(test::pick(random, 1, 5)));
  }

  StageGaps gaps() const {
    const auto alike = [&](int64_t count) {
      return GradientGaps(std::vector<int64_t>(static_cast<size_t>(count), gapNs));
    };
    return {alike(model->steadyCount()), alike(model->tailCount())};
  }
  int64_t bytesOf(const std::vector<Placement>& placements) const {
    const KindPolicies policies{placements};
    return model->peakBytes(policies, model->resolve(policies));
  }
  int64_t timeOf(const std::vector<Placement>& placements) const {
    return objectiveNs(*model, gaps(), model->passTimes(model->resolve({placements})));
  }

  profile::Profile profile;
  plan::ProfileGraphs graphs;
  plan::Plan plan;
  std::optional<StageModel> model;
  int64_t gapNs = 0;
};

// The peak as the simulator counts it, from the lowered program.
int64_t simulatedPeak(const Stage& stage, const std::vector<Placement>& placements) {
  plan::Plan plan = stage.plan;
  const plan::StageShape& shape = stage.model->shape();
  const auto index = static_cast<size_t>(shape.stage);
  for (plan::LayerPolicy& layer : plan.stages[index].layers) layer.placements = placements;
  const auto program = plan::lower(stage.profile, plan);
  EXPECT_TRUE(program.has_value()) << (program ? "" : program.error().text());
  if (!program) return kNoLimit;
  const plan::StageShape lowered{stage.profile, stage.graphs, plan.stages[index], shape.stage,
                                 shape.stages};
  return sim::peakBytesOf(lowered, program->stages[index]);
}

// What a window that is not there would rebuild is kept, and so is a layer's output; nothing is
// kept or rebuilt for nobody.
std::vector<Placement> randomPolicy(test::Random& random, const Stage& stage) {
  std::vector<Placement> placements = test::randomPlacements(random, stage.profile.kinds[0]);
  const plan::LayerGraph& graph = stage.graphs.kinds[0];
  const StageModel& model = *stage.model;
  if (placements.back().kind == PlacementKind::kWindow)
    placements.back() = {PlacementKind::kRetained};
  for (int16_t op = graph.last(); op >= 0; --op) {
    Placement& placement = placements[static_cast<size_t>(op)];
    const bool window = placement.kind == PlacementKind::kWindow;
    const bool forward = window && placement.window <= plan::WindowId::kFwdMlp;
    const bool previous = window && (placement.window == plan::WindowId::kPrevBwdMlp ||
                                     placement.window == plan::WindowId::kPrevBwdAttn);
    const bool missing =
        (forward && model.steadyCount() == 0) || (previous && model.layersOfKind(0) == 1) ||
        (window && placement.window == plan::WindowId::kPipe && model.shape().isLast());
    if (missing) placement = {PlacementKind::kRetained};
    const auto& consumers = graph.operators[op].consumers;
    const bool wanted = graph.operators[op].firstReader >= 0 ||
                        std::any_of(consumers.begin(), consumers.end(), [&](int16_t consumer) {
                          return placements[static_cast<size_t>(consumer)].recomputed();
                        });
    if (!wanted) placement = {PlacementKind::kDiscarded};
  }
  return placements;
}

TEST(HeuProgram, chargesTheTimeAndTheMemoryOfTheSimulation) {
  for (uint64_t seed = 1; seed <= test::seedCount(200); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const Stage stage(random);
    const HeuProgram program(*stage.model, stage.gapNs, kNoLimit);
    for (int i = 0; i < 5; ++i) {
      const std::vector<Placement> placements = randomPolicy(random, stage);
      const auto verdict = program.judge(placements);
      ASSERT_TRUE(verdict.has_value());
      EXPECT_EQ(verdict->objectiveNs, stage.timeOf(placements));
      EXPECT_EQ(verdict->peakBytes, simulatedPeak(stage, placements));
    }
    if (testing::Test::HasFailure()) return;
  }
}

TEST(HeuSearch, equalsCbc) {
  uint64_t compared = 0, infeasible = 0, exposed = 0;
  const uint64_t seeds = test::seedCount(60);
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const Stage stage(random);
    const int64_t most = stage.bytesOf(test::keepAll(stage.profile.kinds[0]));
    HeuRequest request;
    request.budgetBytes = most - (most - stage.model->baseBytes()) * test::pick(random, 1, 6) / 10;
    const HeuPolicy heu = searchHeu(*stage.model, stage.gaps(), request);
    ASSERT_TRUE(heu.complete);
    HeuProgram program(*stage.model, stage.gapNs, request.budgetBytes);
    const auto best = program.solve(heu.found ? heu.objectiveNs : kNoLimit / 1024);
    ASSERT_EQ(best.has_value(), heu.found);
    if (!best) {
      ++infeasible;
      continue;
    }
    EXPECT_LE(simulatedPeak(stage, *best), request.budgetBytes);
    EXPECT_EQ(stage.timeOf(*best), heu.objectiveNs);
    const auto verdict = program.judge(heu.policies[0]);
    ASSERT_TRUE(verdict.has_value()) << "the program forbids what HEU found";
    EXPECT_EQ(verdict->objectiveNs, heu.objectiveNs);
    EXPECT_LE(verdict->peakBytes, request.budgetBytes);
    EXPECT_EQ(verdict->peakBytes, simulatedPeak(stage, heu.policies[0]));
    if (testing::Test::HasFailure()) return;
    ++compared;
    exposed += heu.objectiveNs > 0;
  }
  std::cout << compared << " stages compared, of " << exposed << " recomputation is exposed; "
            << infeasible << " where CBC too finds no plan that fits\n";
  EXPECT_GE(compared, seeds / 2);
  EXPECT_GE(exposed, seeds / 4);
}

}  // namespace
}  // namespace caracal::planner
