// Every design that the standard table describes goes the whole way: profile, plan, simulation.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/planner/policy.h"
#include "core/profile/model_description.h"
#include "core/sim/simulator.h"

namespace caracal::profile {
namespace {

struct Design {
  const char* name;
  void (*change)(ModelDescription& model);
};

const Design kDesigns[] = {
    {"unfused", [](ModelDescription&) {}},
    {"fused", [](ModelDescription& m) { m.fusedAttention = true; }},
    {"sequence parallel",
     [](ModelDescription& m) {
       m.parallel.sequenceParallel = true;
       m.overlapsWeightGradients = true;
     }},
    {"grouped and gated",
     [](ModelDescription& m) {
       m.architecture.kvHeads = 8;
       m.architecture.gatedMlp = true;
       m.fusedAttention = true;
     }},
    {"context parallel",
     [](ModelDescription& m) {
       m.parallel.context = 2;
       m.fusedAttention = true;
     }},
    {"context parallel alone",
     [](ModelDescription& m) {
       m.parallel.tensor = 1;
       m.parallel.context = 4;
       m.fusedAttention = true;
     }},
    {"heads exchanged among context ranks",
     [](ModelDescription& m) {
       m.parallel.tensor = 1;
       m.parallel.context = 4;
       m.ulysses = true;
     }},
    {"heads exchanged, tensor parallel too",
     [](ModelDescription& m) {
       m.parallel.context = 2;
       m.ulysses = true;
       m.fusedAttention = true;
     }},
    {"experts",
     [](ModelDescription& m) {
       m.parallel.tensor = 1;
       m.parallel.data = 8;
       m.architecture.experts = 8;
       m.architecture.topK = 2;
       m.architecture.expertParallel = 8;
       m.fusedAttention = true;
     }},
    {"experts in every second layer, sequence parallel",
     [](ModelDescription& m) {
       m.parallel.sequenceParallel = true;
       m.parallel.data = 2;
       m.architecture.experts = 8;
       m.architecture.topK = 2;
       m.architecture.expertParallel = 8;
       m.architecture.moeEvery = 2;
       m.fusedAttention = true;
     }},
};

ModelDescription gpt(const Design& design) {
  ModelDescription model = *loadModel("gpt-7b");
  model.shape.layers = 8;
  model.parallel.pipeline = 2;
  model.parallel.microBatches = 4;
  design.change(model);
  return model;
}

struct Planned {
  planner::PlanStatus status;
  sim::SimResult result;
  int64_t peakBytes = 0;
};

Planned planned(const Profile& profile, const std::string& policy, int64_t budgetBytes) {
  planner::PlanRequest request;
  request.policy = policy;
  request.budgetBytes = budgetBytes;
  const auto outcome = planner::makePlan(profile, request);
  EXPECT_TRUE(outcome) << policy << ": " << outcome.error().text();
  auto result = sim::simulate(profile, outcome->plan, {});
  EXPECT_TRUE(result) << policy << ": " << result.error().text();
  int64_t peak = 0;
  for (const sim::StageResult& stage : result->stages) peak = std::max(peak, stage.peakBytes);
  return {outcome->status, std::move(*result), peak};
}

constexpr int64_t kPlenty = int64_t{1} << 50;

TEST(Designs, planAndSimulateBetweenKeepingAllAndRebuildingAll) {
  for (const Design& design : kDesigns) {
    SCOPED_TRACE(design.name);
    const ModelDescription model = gpt(design);
    ASSERT_TRUE(validate(model)) << validate(model).error().text();
    const auto profile = profileFromModel(model, *loadHardware("a100-40gb-pcie"));
    ASSERT_TRUE(profile) << profile.error().text();
    const Planned all = planned(*profile, "none", kPlenty);
    const Planned full = planned(*profile, "full", kPlenty);
    ASSERT_LT(full.peakBytes, all.peakBytes);
    const int64_t budget = (full.peakBytes + all.peakBytes) / 2;
    const Planned heu = planned(*profile, "heu", budget);
    EXPECT_NE(heu.status, planner::PlanStatus::kInfeasible);
    EXPECT_LE(heu.peakBytes, budget);
    EXPECT_GE(heu.result.stepNs, all.result.stepNs);
    EXPECT_LT(heu.result.stepNs, full.result.stepNs);
  }
}

TEST(Designs, aPassTakesWhatItsOperatorsAndWindowsTake) {
  for (const Design& design : kDesigns) {
    SCOPED_TRACE(design.name);
    const auto profile = profileFromModel(gpt(design), *loadHardware("a100-40gb-pcie"));
    ASSERT_TRUE(profile) << profile.error().text();
    const Planned all = planned(*profile, "none", kPlenty);
    int64_t forwardNs = profile->first.forwardNs();
    int64_t backwardNs = profile->first.backwardNs();
    for (int32_t layer = 0; layer < 4; ++layer) {
      forwardNs += profile->kindOf(layer).forwardNs();
      backwardNs += profile->kindOf(layer).backwardNs();
    }
    EXPECT_EQ(all.result.stages[0].forwardNs, forwardNs);
    EXPECT_EQ(all.result.stages[0].backwardNs, backwardNs);
  }
}

// Rebuilding a whole layer repeats its gathers: what they take is part of what is exposed.
TEST(Designs, fullRecomputationRepeatsEveryCollective) {
  const auto profile = profileFromModel(gpt(kDesigns[2]), *loadHardware("a100-40gb-pcie"));
  ASSERT_TRUE(profile) << profile.error().text();
  const Planned full = planned(*profile, "full", kPlenty);
  int64_t layerNs = 0;
  for (const Operator& op : profile->kinds[0].operators) layerNs += op.forwardNs;
  EXPECT_EQ(full.result.stages[0].exposedRecomputeNs, 4 * 4 * layerNs);
}

}  // namespace
}  // namespace caracal::profile
