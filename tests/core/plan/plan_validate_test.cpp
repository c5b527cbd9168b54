#include <gtest/gtest.h>

#include <functional>

#include "core/plan/plan.h"
#include "core/plan/program.h"
#include "core/profile/model_description.h"
#include "core/profile/profile_json.h"
#include "tests/support/layers.h"

namespace caracal::plan {
namespace {

// 8 layers on 4 stages, 2 tensor ranks, 16 micro-batches, masks from Philox counters.
profile::Profile pipelineProfile(int32_t tensor = 2) {
  auto model = *profile::loadModel("gpt-1.3b");
  model.shape.layers = 8;
  model.dropoutMaskBytes = 0;
  model.parallel.tensor = tensor;
  return *profile::profileFromModel(model, *profile::loadHardware("a100-40gb-nvlink"));
}

Plan keepAllPlan(const profile::Profile& profile) {
  Plan plan = test::makePlanOf(profile, {test::keepAll(profile.kinds[0])});
  plan.profileHash = profile::hashOf(profile);
  return plan;
}

// A plan whose layer 2 (stage 1) is as written, everything else kept. Tensors not named are kept if
// needed.
Plan withLayer2(const profile::Profile& profile, const std::string& text) {
  Plan plan = keepAllPlan(profile);
  const profile::LayerKind& kind = profile.kinds[0];
  auto& placements = plan.stages[1].layers[0].placements;
  const auto named = test::placements(kind, text);
  for (size_t i = 0; i < named.size(); ++i) {
    const bool mentioned = (" " + text).find(" " + kind.operators[i].id + "=") != std::string::npos;
    if (mentioned) placements[i] = named[i];
  }
  return plan;
}

std::string verdict(const profile::Profile& profile, const Plan& plan) {
  const auto status = validate(profile, plan);
  return status ? "valid" : status.error().text();
}

TEST(PlanValidate, acceptsKeepAllAndFullRecomputation) {
  for (const int32_t tensor : {1, 2}) {
    const profile::Profile profile = pipelineProfile(tensor);
    Plan plan = keepAllPlan(profile);
    EXPECT_EQ(verdict(profile, plan), "valid");
    for (StagePlan& stage : plan.stages) {
      for (LayerPolicy& layer : stage.layers)
        layer.placements = test::recomputeAll(profile.kinds[0]);
    }
    EXPECT_EQ(verdict(profile, plan), "valid");
  }
}

TEST(PlanValidate, acceptsRecomputationInTimeOrder) {
  const profile::Profile profile = pipelineProfile();
  for (const char* text : {
           "ln1=fwd.attn qkv=fwd.attn",
           "ln1=fwd.attn qkv=fwd.mlp scores=pipe softmax=prev.bwd.mlp attn_dropout=prev.bwd.attn "
           "context=own.bwd.mlp",
           "scores=own.bwd.mlp softmax=own.bwd.mlp attn_dropout=own.bwd.mlp",
           "fc1=fwd.mlp act=prev.bwd.attn",
           "ln2=onDemand fc1=onDemand act=onDemand",
           "residual1=retained ln2=prev.bwd.mlp fc1=onDemand",
           "proj=fwd.attn tp_attn=fwd.attn residual1=fwd.mlp",
           "proj=pipe tp_attn=pipe residual1=pipe ln2=onDemand",
           "scores=onDemand softmax=onDemand attn_dropout=onDemand context=repeated",
           // On demand for the attention segment, but ln2 needs it before the MLP segment.
           "proj=onDemand tp_attn=onDemand residual1=onDemand ln2=onDemand",
       }) {
    EXPECT_EQ(verdict(profile, withLayer2(profile, text)), "valid") << text;
  }
}

TEST(PlanValidate, refusesWhatIsNotThereWhenARecomputationRuns) {
  const profile::Profile profile = pipelineProfile();
  const std::string at = "stage 1, layer 2, ";
  const std::pair<const char*, std::string> cases[] = {
      {"qkv=fwd.attn ln1=fwd.mlp", at + "qkv: is recomputed (window:fwd.attn) from ln1, which is "
                                        "there only later (window:fwd.mlp); recompute ln1 "
                                        "no later or retain it"},
      {"softmax=repeated", at + "softmax: is recomputed (repeated) from scores, which is "
                                "discarded; retain or recompute scores"},
      {"tp_attn=repeated", at + "tp_attn: is a collective, and a collective that is kept is not "
                                "repeated; retain it or recompute it"},
      {"softmax=fwd.mlp", at + "softmax: is recomputed (window:fwd.mlp) from scores, which is "
                               "discarded; retain or recompute scores"},
      {"softmax=fwd.mlp scores=onDemand",
       at + "softmax: is recomputed (window:fwd.mlp) from scores, which is there only later "
            "(onDemand); recompute "
            "scores no later or retain it"},
      {"qkv=discarded", at + "qkv: is discarded, but the backward of scores, context reads it; "
                             "retain or recompute it"},
      {"fc1=own.bwd.mlp", at + "fc1: own.bwd.mlp comes after the backward of the MLP segment, "
                               "which reads this tensor; choose an earlier "
                               "window or onDemand"},
      {"proj=own.bwd.mlp tp_attn=own.bwd.mlp residual1=own.bwd.mlp ln2=onDemand",
       at + "ln2: is recomputed (onDemand) from residual1, which is there only later "
            "(window:own.bwd.mlp); recompute "
            "residual1 no later or retain it"},
      {"ln1=dp",
       at + "ln1: the data-parallel window (dp) hides nothing: compute waits for a reduction only "
            "after the last backward, when nothing is left to rebuild; choose another window or "
            "onDemand"},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(verdict(profile, withLayer2(profile, text)), expected);
}

TEST(PlanValidate, offloadedTensorsComeBackForTheirLayersBackwardOnly) {
  profile::Profile profile = pipelineProfile();
  const std::string at = "stage 1, layer 2, ";
  const std::pair<const char*, std::string> cases[] = {
      {"fc1=offload act=onDemand", "valid"},
      {"ln1=offload qkv=own.bwd.mlp", "valid"},
      {"residual2=offload", at + "residual2: is offloaded, but the layer's output is the input of "
                                 "the layer above and stays; retain or discard it"},
      {"fc1=offload act=pipe",
       at + "act: is recomputed (window:pipe) from fc1, which is on the host "
            "until the layer's backward; recompute it onDemand or retain "
            "fc1"},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(verdict(profile, withLayer2(profile, text)), expected) << text;
  profile.hostLink = {};
  EXPECT_EQ(verdict(profile, withLayer2(profile, "ln1=offload")),
            at + "ln1: is offloaded, but the profile does not know the link to host memory; add "
                 "links.host to it, or retain or recompute the tensor");
}

TEST(PlanValidate, hostMemoryBeyondItsBudgetIsRefusedByOneByte) {
  profile::Profile profile = pipelineProfile();
  const auto& fc1 =
      profile.kindOf(2).operators[static_cast<size_t>(profile.kindOf(2).indexOf("fc1"))];
  profile.memory.hostBudgetBytes = 3 * fc1.savedBytes;  // micro-batches in flight on stage 1
  EXPECT_EQ(verdict(profile, withLayer2(profile, "fc1=offload")), "valid");
  --profile.memory.hostBudgetBytes;
  EXPECT_EQ(verdict(profile, withLayer2(profile, "fc1=offload")),
            "stage 1: offloads " + std::to_string(3 * fc1.savedBytes) +
                " bytes to host memory, 1 more than memory.hostBudgetBytes of the profile; offload "
                "less");
}

TEST(PlanValidate, refusesWindowsThatDoNotExist) {
  const profile::Profile alone = pipelineProfile(1);
  EXPECT_EQ(verdict(alone, withLayer2(alone, "ln1=fwd.attn")),
            "stage 1, layer 2, ln1: there is no window fwd.attn: layers of kind \"gpt\" have no "
            "such collective "
            "(tensor-parallel size 1); retain the tensor or recompute it onDemand");
  const profile::Profile profile = pipelineProfile();
  Plan plan = keepAllPlan(profile);
  plan.stages[3].layers[0].placements[0] = {PlacementKind::kWindow, WindowId::kFwdAttn};
  EXPECT_EQ(verdict(profile, plan),
            "stage 3, layer 6, ln1: there is no window fwd.attn on stage 3: with one micro-batch "
            "in flight no forward "
            "pass lies between a forward and its backward; choose a backward window or onDemand");
  // The top layer of a stage may share its kind's policy and pays for it.
  plan.stages[3].layers[0].placements[0] = {PlacementKind::kRetained};
  plan.stages[3].layers[1].placements[0] = {PlacementKind::kWindow, WindowId::kPrevBwdMlp};
  EXPECT_EQ(verdict(profile, plan), "valid");
}

TEST(PlanValidate, refusesLostAndDoubledLayersAndForeignProfiles) {
  const profile::Profile profile = pipelineProfile();
  const std::pair<std::function<void(Plan&)>, std::string> cases[] = {
      {[](Plan& p) { p.profileHash = "0123456789abcdef"; },
       "the plan was made for profile 0123456789abcdef"},
      {[](Plan& p) { p.schedule = "chimera"; }, "schedule: there is no schedule `chimera`"},
      {[](Plan& p) { p.schedule = "zb-v"; }, "cuts the model into 8 chunks for 4 devices"},
      {[](Plan& p) { p.parallel.microBatches = 3; }, "not those of its profile"},
      {[](Plan& p) { p.stages.pop_back(); }, "the plan has 3 stages, the pipeline 4"},
      {[](Plan& p) { p.stages[1].layers.clear(); }, "stage 1: holds no layer"},
      {[](Plan& p) { p.stages[1].layers.pop_back(); }, "layers are lost"},
      {[](Plan& p) { p.stages[1].layers.push_back(p.stages[1].layers[0]); },
       "layers are held twice"},
      {[](Plan& p) { p.stages[3].layers.pop_back(); }, "the stages hold 7 layers, the model has 8"},
      {[](Plan& p) { p.stages[2].budgetBytes = -1; }, "stage 2: its budget is negative"},
      {[](Plan& p) { p.stages[0].layers[1].placements.pop_back(); },
       "stage 0, layer 1: places 14 tensors"},
  };
  for (const auto& [spoil, expected] : cases) {
    Plan plan = keepAllPlan(profile);
    spoil(plan);
    EXPECT_NE(verdict(profile, plan).find(expected), std::string::npos) << verdict(profile, plan);
  }
}

TEST(PlanValidate, recomputeUnitsAreWholeAndStartFromAKeptInput) {
  const profile::Profile profile = pipelineProfile();
  Plan plan = keepAllPlan(profile);
  for (LayerPolicy& layer : plan.stages[2].layers)
    layer.placements = test::recomputeAll(profile.kinds[0]);
  plan.stages[2].layers[1].keepsInput = false;
  EXPECT_EQ(verdict(profile, plan), "valid");
  Plan first = plan;
  first.stages[2].layers[0].keepsInput = false;
  EXPECT_NE(verdict(profile, first).find("stage 2, layer 4: does not keep its input, and no layer"),
            std::string::npos);
  Plan broken = plan;
  broken.stages[2].layers[0].placements = test::keepAll(profile.kinds[0]);
  EXPECT_NE(verdict(profile, broken).find("stage 2, layer 5: does not keep its input, so it and"),
            std::string::npos);
  Plan withoutOutput = plan;
  withoutOutput.stages[2].layers[0].placements.back() = {PlacementKind::kDiscarded};
  EXPECT_NE(verdict(profile, withoutOutput).find("place residual2 of that layer onDemand"),
            std::string::npos);
}

// Random placements on random layers: whatever validate() accepts can be lowered, and what the
// generator knows to be legal is accepted.
TEST(PlanValidate, acceptsEveryLegalPlacementAndNothingThatCannotBeLowered) {
  constexpr uint64_t kSeed = 7;
  test::Random random(kSeed);
  int accepted = 0, refused = 0;
  for (int round = 0; round < 400; ++round) {
    const profile::Profile profile = test::makeProfile(test::randomLayer(random, 3), 4, 2, 4);
    Plan legal = test::makePlanOf(profile, {test::randomPlacements(random, profile.kinds[0])});
    legal.profileHash = profile::hashOf(profile);
    // Stage 1 has one micro-batch in flight: no fwd.* windows.
    for (LayerPolicy& layer : legal.stages[1].layers)
      layer.placements = test::keepAll(profile.kinds[0]);
    ASSERT_EQ(verdict(profile, legal), "valid") << "seed " << kSeed << " round " << round;

    Plan wild = legal;
    for (Placement& placement : wild.stages[0].layers[1].placements) {
      placement = {static_cast<PlacementKind>(random() % 4),
                   static_cast<WindowId>(random() % kWindowCount)};
    }
    const auto status = validate(profile, wild);
    ++(status ? accepted : refused);
    if (status) {
      const auto program = lower(profile, wild);
      EXPECT_TRUE(program) << "seed " << kSeed << " round " << round << ": "
                           << program.error().text();
    } else {
      EXPECT_EQ(status.error().where.find("stage 0, layer 1, "), 0u) << status.error().text();
    }
  }
  EXPECT_GT(accepted, 0) << "seed " << kSeed;
  EXPECT_GT(refused, 100) << "seed " << kSeed;
}

}  // namespace
}  // namespace caracal::plan
