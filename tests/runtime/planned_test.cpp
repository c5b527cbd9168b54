// Plans as the planner makes them, through their document, give the losses and weights of keeping
// all.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "core/plan/plan_json.h"
#include "core/planner/policy.h"
#include "tests/runtime/tiny_model.h"

namespace caracal::executor {
namespace {

// A policy under a schedule.
struct Case {
  std::string policy;
  std::string schedule = "1F1B";
};
std::ostream& operator<<(std::ostream& out, const Case& tested) {
  return out << tested.policy << " under " << tested.schedule;
}

profile::ModelDescription splitModel() {
  test::Sizes sizes;
  sizes.tensor = 2;
  sizes.pipeline = 2;
  sizes.layers = 8;  // enough for activations to outweigh the logits of the last stage
  sizes.microBatches = 6;
  return test::tinyModel(sizes);
}

// The structure of the model with made-up times: windows that hide a few operators each.
profile::Profile timedProfile(const Job& job) {
  profile::Profile profile = job.profile;
  int64_t differentNs = 0;
  for (profile::Operator& op : profile.kinds.front().operators) {
    differentNs += 7'000;
    op.forwardNs = differentNs + (op.kind == profile::OperatorKind::kGemm ? 400'000 : 100'000);
    op.backwardNs = op.kind == profile::OperatorKind::kCollective ? 0 : 2 * op.forwardNs;
  }
  for (profile::Window& window : profile.kinds.front().windows) window.transferNs = 500'000;
  for (int32_t stage = 0; stage < job.model.parallel.pipeline; ++stage) {
    profile.memory.workspaceBytes =
        std::max(profile.memory.workspaceBytes, predictedMemory(job, stage).workspaceBytes);
  }
  return profile;
}

// Halfway between what recomputing all needs and what the first stage needs to keep all: some
// tensors stay, others are rebuilt.
int64_t halfwayBudget(const Job& keepAll, const profile::Profile& profile) {
  planner::PlanRequest request;
  request.policy = "full";
  request.schedule = keepAll.plan.schedule;
  const auto full = planner::makePlan(profile, request);
  EXPECT_TRUE(full) << full.error().text();
  const auto fullJob = jobFromPlan(*plan::planDocumentFromJson(plan::toJson(full->plan, profile)));
  EXPECT_TRUE(fullJob) << fullJob.error().text();
  const int64_t least =
      std::max(predictedMemory(*fullJob, 0).peakBytes(), predictedMemory(*fullJob, 1).peakBytes());
  const int64_t most =
      std::max(predictedMemory(keepAll, 0).peakBytes(), predictedMemory(keepAll, 1).peakBytes());
  EXPECT_LT(least, most);
  return (least + most) / 2;
}

class PlannedPolicy : public testing::TestWithParam<Case> {};

TEST_P(PlannedPolicy, givesTheBitsOfKeepingAll) {
  const auto keepAll = jobFromModel(splitModel(), GetParam().schedule);
  ASSERT_TRUE(keepAll) << keepAll.error().text();
  const profile::Profile profile = timedProfile(*keepAll);
  planner::PlanRequest request;
  request.policy = GetParam().policy;
  request.schedule = GetParam().schedule;
  if (request.policy == "heu") request.budgetBytes = halfwayBudget(*keepAll, profile);
  const auto outcome = planner::makePlan(profile, request);
  ASSERT_TRUE(outcome) << outcome.error().text();
  ASSERT_NE(outcome->status, planner::PlanStatus::kInfeasible);
  const auto document = plan::planDocumentFromJson(plan::toJson(outcome->plan, profile));
  ASSERT_TRUE(document) << document.error().text();
  const auto planned = jobFromPlan(*document);
  ASSERT_TRUE(planned) << planned.error().text();

  const auto expected = test::train(*keepAll, test::quickOptions(2));
  const auto actual = test::train(*planned, test::quickOptions(2));
  ASSERT_TRUE(expected) << expected.error().text();
  ASSERT_TRUE(actual) << actual.error().text();
  EXPECT_EQ(test::lossesOf(*actual), test::lossesOf(*expected));
  EXPECT_EQ(test::weightsOf(*actual), test::weightsOf(*expected));
  for (const RankSummary& rank : actual->ranks) {
    EXPECT_EQ(rank.peakBytes, predictedMemory(*planned, rank.position.stage).peakBytes());
    if (request.budgetBytes > 0) {
      EXPECT_LE(rank.peakBytes, request.budgetBytes);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Policies, PlannedPolicy,
                         testing::Values(Case{"none"}, Case{"full"}, Case{"selective"},
                                         Case{"uniform:1"}, Case{"uniform:2"}, Case{"block:1"},
                                         Case{"heu"}, Case{"full", "interleaved:2"},
                                         Case{"heu", "interleaved:2"}, Case{"heu", "zb-h1"},
                                         Case{"selective", "zb-v"}, Case{"heu", "v-half"}),
                         [](const auto& tested) {
                           std::string name = tested.param.policy + "_" + tested.param.schedule;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return std::isalnum(c) == 0; }, '_');
                           return name;
                         });

}  // namespace
}  // namespace caracal::executor
