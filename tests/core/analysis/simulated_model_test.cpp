// The analysis of a simulated trace must find what the simulator counted: one meaning, two codes.
#include <gtest/gtest.h>

#include <random>

#include "core/analysis/run_graph.h"
#include "core/analysis/step_model.h"
#include "core/analysis/window_recompute.h"
#include "core/plan/plan.h"
#include "core/profile/model_description.h"
#include "core/profile/profile_json.h"
#include "core/sim/simulator.h"
#include "tests/core/analysis/step_invariants.h"

namespace caracal::analysis {
namespace {

using plan::Placement;
using plan::PlacementKind;

profile::Profile smallProfile(int32_t tensor, int32_t stages, int32_t microBatches) {
  profile::ModelDescription model;
  model.shape = {
      .layers = 2 * stages, .hidden = 1024, .heads = 16, .sequence = 512, .vocabulary = 8192};
  model.parallel = {.tensor = tensor, .pipeline = stages, .microBatches = microBatches};
  model.gpu = "a100-80gb";
  const auto hardware = profile::loadHardware(model.gpu);
  EXPECT_TRUE(hardware) << hardware.error().text();
  auto made = profile::profileFromModel(model, *hardware);
  EXPECT_TRUE(made) << made.error().text();
  return *made;
}

// Everything that backward needs is rebuilt on demand.
plan::Plan fullRecompute(const profile::Profile& profile) {
  plan::Plan plan;
  plan.policy = "full";
  plan.profileHash = profile::hashOf(profile);
  plan.model = profile.model;
  plan.parallel = profile.parallel;
  for (int32_t s = 0; s < profile.parallel.pipeline; ++s) {
    plan::StagePlan stage{.firstLayer = 2 * s};
    for (int32_t l = 0; l < 2; ++l) {
      plan::LayerPolicy policy;
      bool pastLastNeeded = false;
      for (const profile::Operator& op : profile.kinds.front().operators) {
        policy.placements.push_back(
            {pastLastNeeded ? PlacementKind::kDiscarded : PlacementKind::kOnDemand});
        pastLastNeeded = pastLastNeeded || op.id == "act";
      }
      stage.layers.push_back(policy);
    }
    plan.stages.push_back(stage);
  }
  return plan;
}

// Moves single tensors at random as long as the plan stays possible.
void mutate(const profile::Profile& profile, std::mt19937& random, plan::Plan& plan) {
  const auto below = [&](size_t count) {
    return std::uniform_int_distribution<size_t>(0, count - 1)(random);
  };
  for (int i = 0; i < 60; ++i) {
    auto& layers = plan.stages[below(plan.stages.size())].layers;
    auto& placements = layers[below(layers.size())].placements;
    Placement& placement = placements[below(placements.size())];
    const Placement before = placement;
    constexpr PlacementKind kKinds[] = {PlacementKind::kRetained, PlacementKind::kWindow,
                                        PlacementKind::kWindow, PlacementKind::kOnDemand};
    placement = {kKinds[below(4)], static_cast<plan::WindowId>(below(6))};
    if (!plan::validate(profile, plan)) placement = before;
  }
}

void expectAgreement(const profile::Profile& profile, const plan::Plan& plan) {
  const auto simulated = sim::simulate(profile, plan, {sim::TraceDetail::kOperators});
  ASSERT_TRUE(simulated) << simulated.error().text();
  const auto model = buildStepModel(*simulated->trace);
  ASSERT_TRUE(model) << model.error().text();
  expectInvariants(*model);
  EXPECT_EQ(model->schedule, "1F1B");
  ASSERT_EQ(model->stages.size(), simulated->stages.size());
  for (size_t s = 0; s < model->stages.size(); ++s) {
    SCOPED_TRACE("stage " + std::to_string(s));
    const StageSummary& analysed = model->stages[s];
    const sim::StageResult& counted = simulated->stages[s];
    EXPECT_EQ(analysed.stepNs, simulated->stepNs);
    EXPECT_EQ(analysed.pipelineNs, simulated->pipelineNs);
    EXPECT_EQ(analysed.bubbleNs, counted.bubbleNs);
    EXPECT_EQ(analysed.busyNs, counted.busyNs);
    EXPECT_EQ(analysed.forwardNs, counted.forwardNs);
    EXPECT_EQ(analysed.backwardNs, counted.backwardNs);
    EXPECT_EQ(analysed.recomputeHiddenNs, counted.hiddenRecomputeNs);
    EXPECT_EQ(analysed.recomputeExposedNs, counted.exposedRecomputeNs);
    // A simulated stage is never idle without a reason that its trace shows.
    EXPECT_EQ(analysed.causes[static_cast<size_t>(IdleCause::kLaunch)], 0);
    EXPECT_EQ(analysed.causes[static_cast<size_t>(IdleCause::kUnexplained)], 0);
  }
  // Nothing that runs on demand is hidden, and windows that hide nothing are not open.
  int64_t hiddenNs = 0;
  for (const sim::StageResult& stage : simulated->stages) hiddenNs += stage.hiddenRecomputeNs;
  const WindowWorks works = windowWorks({{simulated->trace.get(), &*model}});
  const WindowTotals totals = totalsOf(works, works);
  EXPECT_EQ(totals.hiddenNs, hiddenNs);
  EXPECT_LE(totals.hiddenNs, totals.openNs);
  EXPECT_LE(totals.openNs, totals.placedNs);
}

TEST(SimulatedModel, analysisFindsWhatTheSimulatorCounted) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const int32_t tensor = seed % 3 == 0 ? 1 : 4;
    profile::Profile profile = smallProfile(tensor, 1 + static_cast<int32_t>(seed % 4),
                                            1 + static_cast<int32_t>(seed % 7));
    if (seed % 2 == 0) {
      profile.kappa = 1.2;
      profile.rho = 1.1;
    }
    plan::Plan plan = fullRecompute(profile);
    ASSERT_TRUE(plan::validate(profile, plan)) << plan::validate(profile, plan).error().text();
    expectAgreement(profile, plan);
    mutate(profile, random, plan);
    expectAgreement(profile, plan);
  }
}

// What the graph of a simulated run says of faster work, and what the simulator says.
void expectSameAnswer(const profile::Profile& profile, const profile::Profile& quicker,
                      WorkKind kind) {
  const plan::Plan plan = fullRecompute(profile);
  const auto before = sim::simulate(profile, plan, {sim::TraceDetail::kOperators});
  ASSERT_TRUE(before) << before.error().text();
  plan::Plan quickPlan = plan;
  quickPlan.profileHash = profile::hashOf(quicker);
  const auto after = sim::simulate(quicker, quickPlan, {sim::TraceDetail::kOperators});
  ASSERT_TRUE(after) << after.error().text();
  const auto graph = buildRunGraph(prepareRun(before->trace, CommNames{}), CommNames{});
  ASSERT_TRUE(graph) << graph.error().text();
  EXPECT_EQ(replayNs(graph->graph, unscaled()), before->trace->range().lengthNs());
  KindScales scales = unscaled();
  scales[static_cast<size_t>(kind)] = 0.5;
  const auto expected = static_cast<double>(after->trace->range().lengthNs());
  // Halves are rounded event by event.
  EXPECT_NEAR(static_cast<double>(replayNs(graph->graph, scales)), expected, 2e-5 * expected)
      << name(kind);
  EXPECT_LT(after->trace->range().lengthNs(), before->trace->range().lengthNs());
}

void halveGemms(std::vector<profile::Operator>& operators) {
  for (profile::Operator& op : operators) {
    for (const char* gemm : {"qkv", "proj", "fc1", "fc2", "gate", "head"}) {
      if (op.id != gemm) continue;
      op.forwardNs /= 2;
      op.backwardNs /= 2;
    }
  }
}

TEST(SimulatedModel, theGraphAnswersWhatIfAsTheSimulatorDoes) {
  for (uint32_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    profile::Profile profile =
        smallProfile(1, 2 + static_cast<int32_t>(seed % 3), 2 + static_cast<int32_t>(seed));
    // A slow link, so that it matters.
    profile.sendForwardNs = 200'000;
    profile.sendBackwardNs = 300'000;
    profile::Profile quickLink = profile;
    quickLink.sendForwardNs /= 2;
    quickLink.sendBackwardNs /= 2;
    expectSameAnswer(profile, quickLink, WorkKind::kSendRecv);
    profile::Profile quickGemms = profile;
    for (auto& kind : quickGemms.kinds) halveGemms(kind.operators);
    halveGemms(quickGemms.first.operators);
    halveGemms(quickGemms.last.operators);
    expectSameAnswer(profile, quickGemms, WorkKind::kGemm);
  }
}

}  // namespace
}  // namespace caracal::analysis
