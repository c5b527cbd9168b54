// makePlan: baselines, partitions, budgets, refusals.
#include "core/planner/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/plan/plain_policies.h"
#include "core/planner/baselines.h"
#include "core/sim/simulator.h"
#include "tests/support/layers.h"

namespace caracal::planner {
namespace {

profile::Profile tinyProfile(int32_t layers, int32_t stages, int32_t microBatches) {
  return test::makeProfile(test::tinyLayer(), layers, stages, microBatches);
}

PlanOutcome planned(const profile::Profile& profile, const PlanRequest& request) {
  const auto outcome = makePlan(profile, request);
  EXPECT_TRUE(outcome.has_value()) << (outcome ? "" : outcome.error().text());
  return outcome.value_or(PlanOutcome{});
}

// Rows of letters, one per layer: R retained, o on demand, w window, . discarded; '-' before a
// dropped input.
std::string draw(const plan::StagePlan& stage) {
  std::string row;
  for (const plan::LayerPolicy& layer : stage.layers) {
    row += row.empty() ? "" : " ";
    if (!layer.keepsInput) row += "-";
    for (const plan::Placement placement : layer.placements) {
      row += placement.kind == plan::PlacementKind::kRetained   ? 'R'
             : placement.kind == plan::PlacementKind::kOnDemand ? 'o'
             : placement.kind == plan::PlacementKind::kWindow   ? 'w'
                                                                : '.';
    }
  }
  return row;
}

TEST(Policies, noneKeepsWhatBackwardReads) {
  const auto outcome = planned(tinyProfile(2, 1, 1), {"none"});
  EXPECT_EQ(draw(outcome.plan.stages[0]), "RR.RRR.. RR.RRR..");
  EXPECT_EQ(outcome.status, PlanStatus::kFeasible);
}

TEST(Policies, fullRunsWholeLayersAgain) {
  EXPECT_EQ(draw(planned(tinyProfile(2, 1, 1), {"full"}).plan.stages[0]), "oooooooo oooooooo");
}

TEST(Policies, uniformKeepsTheInputOfEveryNthLayerOfAStage) {
  const auto outcome = planned(tinyProfile(6, 2, 1), {"uniform:2"});
  EXPECT_EQ(draw(outcome.plan.stages[0]), "oooooooo -oooooooo oooooooo");
  EXPECT_EQ(draw(outcome.plan.stages[1]), "oooooooo -oooooooo oooooooo");
}

TEST(Policies, blockRecomputesTheFirstLayersOfEachStage) {
  const auto outcome = planned(tinyProfile(4, 2, 1), {"block:1"});
  EXPECT_EQ(draw(outcome.plan.stages[0]), "oooooooo RR.RRR..");
  EXPECT_EQ(draw(outcome.plan.stages[1]), "oooooooo RR.RRR..");
}

// As in Megatron-LM: a checkpointed layer runs its whole forward again, both all-reduces included,
// and N counts the layers of one pipeline stage; the last unit of a stage may be shorter.
TEST(Policies, recomputedLayersRepeatTheirCollectives) {
  const auto profile = tinyProfile(6, 2, 4);
  int64_t forwardNs = 0;
  for (const profile::Operator& op : profile.kinds[0].operators) forwardNs += op.forwardNs;
  for (const auto& [policy, layers] :
       {std::pair{"full", 3}, std::pair{"uniform:2", 3}, std::pair{"uniform:3", 3},
        std::pair{"block:1", 1}, std::pair{"block:2", 2}}) {
    const auto simulated = sim::simulate(profile, planned(profile, {policy}).plan);
    for (const sim::StageResult& stage : simulated->stages) {
      EXPECT_EQ(stage.exposedRecomputeNs, 4 * layers * forwardNs) << policy;
      EXPECT_EQ(stage.hiddenRecomputeNs, 0) << policy;
    }
  }
}

TEST(Policies, uniformUnitsKeepOneInputEach) {
  const auto profile = tinyProfile(6, 1, 1);
  const auto peak = [&](const char* policy) {
    return sim::simulate(profile, planned(profile, {policy}).plan)->stages[0].peakBytes;
  };
  // The deepest unit's tensors stand beside the inputs of the units below it.
  EXPECT_LT(peak("uniform:1"), peak("uniform:3"));
  EXPECT_LT(peak("uniform:3"), peak("uniform:6"));
}

TEST(Policies, selectiveRebuildsTheAttentionCore) {
  profile::LayerKind kind = test::tinyLayer();
  kind.operators.insert(kind.operators.begin() + 1,
                        test::makeOperator("softmax", profile::OperatorKind::kElementwise, 1, 1, 99,
                                           99, {"attn"}, {"ln1"}));
  const auto placements = plan::selectivePlacements(kind);
  EXPECT_EQ(plan::toText(placements[0]), "retained");
  EXPECT_EQ(plan::toText(placements[1]), "onDemand");
  EXPECT_EQ(plan::toText(placements[static_cast<size_t>(kind.indexOf("attn"))]), "repeated");
}

// Megatron-LM's checkpoint computes the core's result again although its reader kept it.
TEST(Policies, selectiveRunsTheKeptResultAgainAndPaysForIt) {
  const auto profile = test::makeProfile(test::tinyLayer(), 4, 2, 3);
  const auto keep = makePlan(profile, {"none"});
  const auto selective = makePlan(profile, {"selective"});
  ASSERT_TRUE(keep && selective);
  const auto kept = sim::simulate(profile, keep->plan);
  const auto repeated = sim::simulate(profile, selective->plan);
  ASSERT_TRUE(kept && repeated);
  const auto attn = static_cast<size_t>(profile.kinds[0].indexOf("attn"));
  const int64_t again = profile.kinds[0].operators[attn].forwardNs;
  for (size_t s = 0; s < 2; ++s) {
    EXPECT_EQ(repeated->stages[s].peakBytes, kept->stages[s].peakBytes);
    EXPECT_EQ(repeated->stages[s].exposedRecomputeNs, 2 * 3 * again) << "2 layers, 3 micro-batches";
  }
}

TEST(Policies, wrongNamesAndNumbersAreRefusedInWords) {
  const auto profile = tinyProfile(4, 2, 1);
  for (const auto& [policy, word] :
       {std::pair{"magic", "known are"}, std::pair{"uniform", "needs a number"},
        std::pair{"block:0", "needs a number"}, std::pair{"block:x", "needs a number"},
        std::pair{"uniform:3", "only 2 layers"}}) {
    const auto outcome = makePlan(profile, {policy});
    ASSERT_FALSE(outcome.has_value()) << policy;
    EXPECT_NE(outcome.error().message.find(word), std::string::npos) << outcome.error().message;
  }
}

TEST(Policies, everyListedPolicyCanBePlanned) {
  const auto profile = tinyProfile(4, 2, 3);
  for (const PolicyInfo& info : policies()) {
    std::string name(info.name);
    if (name.ends_with(":N")) name.back() = '1';
    EXPECT_EQ(planned(profile, {name}).plan.policy, name);
  }
}

TEST(Policies, stepsOfJobsThatReduceInBackwardAreSimulated) {
  auto profile = tinyProfile(4, 2, 3);
  profile.kinds[0].gradientReduceNs = 30;
  profile.first.gradientReduceNs = 25;
  profile.parallel.data = 2;
  const int64_t serialNs = planned(profile, {"none"}).stepNs;
  profile.parallel.overlapGradientReduce = true;
  for (const char* policy : {"none", "full", "checkmate", "heu", "heu+", "opt"}) {
    SCOPED_TRACE(policy);
    const PlanOutcome outcome = planned(profile, {policy});
    EXPECT_EQ(outcome.stepNs, sim::simulate(profile, outcome.plan)->stepNs);
    EXPECT_LE(outcome.boundNs, outcome.stepNs);
  }
  EXPECT_LT(planned(profile, {"none"}).stepNs, serialNs);
}

TEST(Policies, nothingFitsIsAnOutcomeWithTheSmallestBudgetThatWould) {
  const auto profile = tinyProfile(6, 3, 4);
  for (const char* policy : {"none", "full", "selective", "uniform:2", "block:1", "heu", "heu+"}) {
    SCOPED_TRACE(policy);
    const PlanOutcome impossible = planned(profile, {policy, 1});
    EXPECT_EQ(impossible.status, PlanStatus::kInfeasible);
    ASSERT_GT(impossible.smallestBudgetBytes, 1);
    EXPECT_GE(impossible.tightestStage, 0);
    EXPECT_NE(planned(profile, {policy, impossible.smallestBudgetBytes}).status,
              PlanStatus::kInfeasible);
    EXPECT_EQ(planned(profile, {policy, impossible.smallestBudgetBytes - 1}).status,
              PlanStatus::kInfeasible);
    const auto simulated = sim::simulate(profile, impossible.plan);
    ASSERT_TRUE(simulated.has_value());
    EXPECT_FALSE(simulated->fits);
    EXPECT_EQ(simulated->stages[static_cast<size_t>(impossible.tightestStage)].peakBytes,
              impossible.smallestBudgetBytes);
  }
}

TEST(Partition, evenGivesTheRemainderToTheFirstStages) {
  EXPECT_EQ(evenPartition(10, 4).value(), (std::vector<int32_t>{3, 3, 2, 2}));
  EXPECT_FALSE(evenPartition(3, 4).has_value());
}

TEST(Partition, givenIsChecked) {
  const auto profile = tinyProfile(6, 2, 2);
  PlanRequest request{"none", 0, PartitionMode::kGiven, {4, 2}};
  EXPECT_EQ(planned(profile, request).plan.partition(), (std::vector<int32_t>{4, 2}));
  for (const std::vector<int32_t>& wrong : {std::vector<int32_t>{4, 3}, {6}, {6, 0}, {7, -1}}) {
    request.layersOfStage = wrong;
    EXPECT_FALSE(makePlan(profile, request).has_value());
  }
}

TEST(Partition, greedyMovesLayersAwayFromAStageWithAHeavyHead) {
  auto profile = tinyProfile(12, 3, 6);
  profile.last.operators[0].forwardNs = 150;
  profile.last.operators[0].backwardNs = 300;
  const PlanOutcome even = planned(profile, {"none"});
  const PlanOutcome greedy = planned(profile, {"none", 0, PartitionMode::kGreedy});
  EXPECT_LT(greedy.plan.stages[2].layerCount(), 4);
  EXPECT_LT(sim::simulate(profile, greedy.plan)->stepNs, sim::simulate(profile, even.plan)->stepNs);
}

TEST(Partition, greedyMakesAnInfeasiblePartitionFit) {
  auto profile = tinyProfile(12, 3, 6);
  profile.last.staticBytes = 500;
  const PlanOutcome even = planned(profile, {"full", 1});
  const PlanOutcome greedy =
      planned(profile, {"full", even.smallestBudgetBytes - 1, PartitionMode::kGreedy});
  EXPECT_NE(greedy.status, PlanStatus::kInfeasible);
}

TEST(MakePlan, returnsWhatItHasWhenStopped) {
  std::stop_source source;
  source.request_stop();
  const auto profile = tinyProfile(6, 3, 4);
  for (const PartitionMode partition :
       {PartitionMode::kEven, PartitionMode::kGreedy, PartitionMode::kDp, PartitionMode::kSearch}) {
    for (const char* policy : {"heu", "heu+", "opt"}) {
      SCOPED_TRACE(policy);
      PlanRequest request{policy, 0, partition};
      const auto outcome = makePlan(profile, request, source.get_token());
      ASSERT_TRUE(outcome.has_value()) << outcome.error().text();
      EXPECT_EQ(outcome->status, PlanStatus::kTimeLimit);
      EXPECT_THAT(outcome->notes, testing::Contains(testing::HasSubstr("stopped")));
      EXPECT_TRUE(sim::simulate(profile, outcome->plan)->fits);
      EXPECT_LE(outcome->boundNs, outcome->stepNs);
      request.budgetBytes = 1;
      const auto nothing = makePlan(profile, request, source.get_token());
      ASSERT_FALSE(nothing.has_value());
      EXPECT_EQ(nothing.error().code, ErrorCode::kCancelled);
    }
  }
}

TEST(MakePlan, hasFixedPoliciesThoughItIsStopped) {
  std::stop_source source;
  source.request_stop();
  for (const char* policy : {"none", "full", "selective", "uniform:2", "block:1"})
    EXPECT_TRUE(makePlan(tinyProfile(6, 3, 4), {policy}, source.get_token()).has_value());
}

TEST(MakePlan, endsAtItsTimeLimitWithAPlanThatFitsAndSaysSo) {
  const auto profile = tinyProfile(8, 2, 4);
  for (const char* schedule : {"1F1B", "zb-h1"}) {
    for (const char* policy : {"heu", "heu+"}) {
      SCOPED_TRACE(fmt::format("{}, {}", schedule, policy));
      PlanRequest request{policy, 1};
      request.schedule = schedule;
      request.budgetBytes = planned(profile, request).smallestBudgetBytes;
      request.timeLimitSeconds = 1e-9;
      const PlanOutcome outcome = planned(profile, request);
      EXPECT_EQ(outcome.status, PlanStatus::kTimeLimit);
      EXPECT_THAT(outcome.notes, testing::Contains(testing::HasSubstr("time limit")));
      EXPECT_TRUE(sim::simulate(profile, outcome.plan)->fits);
    }
  }
}

// Invariants of planner.md section 8 over random profiles and budgets.
class HeuInvariants : public testing::TestWithParam<uint64_t> {};

TEST_P(HeuInvariants, hold) {
  test::Random random(GetParam());
  auto profile =
      test::makeProfile(test::randomLayer(random, static_cast<int>(test::pick(random, 1, 3))),
                        static_cast<int32_t>(test::pick(random, 4, 9)),
                        static_cast<int32_t>(test::pick(random, 1, 4)),
                        static_cast<int32_t>(test::pick(random, 1, 8)));
  profile.sendForwardNs = test::pick(random, 0, 40);
  profile.sendBackwardNs = test::pick(random, 0, 40);
  const PlanOutcome full = planned(profile, {"full", 1});
  const PlanOutcome none = planned(profile, {"none", 1});
  const int64_t fullStepNs = sim::simulate(profile, full.plan)->stepNs;
  const int64_t noneStepNs = sim::simulate(profile, none.plan)->stepNs;
  const int64_t least = planned(profile, {"heu", 1}).smallestBudgetBytes;
  ASSERT_GT(least, 0);
  EXPECT_LE(least, full.smallestBudgetBytes);
  const int64_t most = none.smallestBudgetBytes;
  int64_t before = std::numeric_limits<int64_t>::max();
  for (int64_t i = 0; i <= 8; ++i) {
    const int64_t budget = least + (std::max(most, least) - least) * i / 8;
    SCOPED_TRACE("budget " + std::to_string(budget));
    const PlanOutcome heu = planned(profile, {"heu", budget});
    ASSERT_NE(heu.status, PlanStatus::kInfeasible);
    const auto simulated = sim::simulate(profile, heu.plan);
    ASSERT_TRUE(simulated.has_value());
    EXPECT_TRUE(simulated->fits);
    EXPECT_LE(simulated->stepNs, before) << "more memory made the plan slower";
    before = simulated->stepNs;
    EXPECT_LE(heu.boundNs, simulated->stepNs);
    EXPECT_GT(heu.boundNs, 0);
    if (budget >= full.smallestBudgetBytes) {
      EXPECT_LE(simulated->stepNs, fullStepNs);
    }
    if (budget >= most) {
      EXPECT_EQ(simulated->stepNs, noneStepNs);
      for (const sim::StageResult& stage : simulated->stages)
        EXPECT_EQ(stage.exposedRecomputeNs, 0);
    }
    EXPECT_EQ(planned(profile, {"heu", budget}).plan, heu.plan)
        << "the same input gave another plan";
    const PlanOutcome plus = planned(profile, {"heu+", budget});
    const auto simulatedPlus = sim::simulate(profile, plus.plan);
    ASSERT_TRUE(simulatedPlus.has_value());
    EXPECT_TRUE(simulatedPlus->fits);
    EXPECT_LE(simulatedPlus->stepNs, simulated->stepNs);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, HeuInvariants, testing::Range<uint64_t>(1, 21));

}  // namespace
}  // namespace caracal::planner
