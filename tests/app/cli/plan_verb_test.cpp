// caracal plan beside one plan: comparison, Pareto front, explanation, partitions, usage errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/app/cli/planned_job.h"

namespace caracal::cli {
namespace {

using nlohmann::json;
using test::Answer;
using test::runCaracal;
using test::runCaracalJson;
using test::TemporaryFolder;
using testing::HasSubstr;

class PlanVerb : public test::PlannedJob {
 protected:
  static std::vector<std::string> command(std::vector<std::string> arguments) {
    std::vector<std::string> all{"plan", "--profile", profile()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
  static json plan(std::vector<std::string> arguments) {
    return runCaracalJson(command(std::move(arguments)));
  }
};

TEST_F(PlanVerb, theDefaultPolicyIsHeuPlus) {
  EXPECT_EQ(plan({"--budget", "1TiB"}).at("policy"), "heu+");
}

TEST_F(PlanVerb, compareShowsEveryPolicySideBySide) {
  const std::string budget = middleBudget();
  const json document = plan({"--compare", "--budget", budget});
  EXPECT_EQ(document.at("schema"), "caracal.plan-comparison/1");
  std::map<std::string, json> rows;
  for (const json& row : document.at("policies")) {
    const std::string policy = row.at("policy");
    rows[policy.substr(0, policy.find(':'))] = row;
    if (row.at("status") == "infeasible") {
      EXPECT_TRUE(row.at("speedUpOverFull").is_null()) << policy;
      EXPECT_GT(row.at("smallestBudgetBytes").get<int64_t>(), std::stoll(budget)) << policy;
    } else {
      EXPECT_LE(row.at("peakBytes").get<int64_t>(), std::stoll(budget)) << policy;
      EXPECT_GT(row.at("speedUpOverFull").get<double>(), 0.0) << policy;
    }
  }
  for (const char* policy :
       {"none", "full", "selective", "uniform", "block", "knapsack", "checkmate", "heu", "heu+"})
    EXPECT_TRUE(rows.contains(policy)) << policy;
  EXPECT_EQ(rows["full"].at("speedUpOverFull"), 1.0);
  EXPECT_LE(rows["heu+"].at("stepNs"), rows["heu"].at("stepNs"));
  EXPECT_LE(rows["heu"].at("stepNs"), rows["checkmate"].at("stepNs"));
  EXPECT_LE(rows["checkmate"].at("stepNs"), rows["knapsack"].at("stepNs"));
  EXPECT_THAT(runCaracal(command({"--compare", "--budget", budget})).out, HasSubstr("over full"));
}

TEST_F(PlanVerb, paretoIsAFrontAndADocument) {
  const json document = plan({"--pareto", "--policy", "checkmate", "-o", path("front.json")});
  EXPECT_EQ(document.at("schema"), "caracal.pareto/1");
  EXPECT_EQ(document.at("tag"), "simulated");
  ASSERT_GE(document.at("points").size(), 3U);
  const json* before = nullptr;
  for (const json& point : document.at("points")) {
    EXPECT_LE(point.at("peakBytes").get<int64_t>(), point.at("budgetBytes").get<int64_t>());
    if (before != nullptr) {
      EXPECT_GT(point.at("peakBytes"), before->at("peakBytes"));
      EXPECT_LT(point.at("stepNs"), before->at("stepNs"));
    }
    before = &point;
  }
  EXPECT_EQ(before->at("exposedRecomputeNs"), 0) << "with enough memory nothing is recomputed";
  std::ifstream file(path("front.json"));
  EXPECT_EQ(json::parse(file), document);
}

TEST_F(PlanVerb, explainNamesEveryTensorAndWhatLimitsTheStage) {
  const std::string budget = middleBudget();
  const json document = plan({"--explain", "--budget", budget});
  const json& explanation = document.at("explanation");
  ASSERT_EQ(explanation.at("stages").size(), 2U);
  for (const json& stage : explanation.at("stages")) {
    EXPECT_FALSE(stage.at("limits").empty());
    int32_t layers = 0;
    for (const json& group : stage.at("layers")) {
      layers += group.at("lastLayer").get<int32_t>() - group.at("firstLayer").get<int32_t>() + 1;
      for (const json& tensor : group.at("tensors"))
        EXPECT_FALSE(tensor.at("why").get<std::string>().empty()) << tensor;
    }
    EXPECT_EQ(layers, 4);
  }
  const Answer full = runCaracal(command({"--explain", "--policy", "full", "--budget", "1TiB"}));
  EXPECT_THAT(full.out, HasSubstr("on the critical path"));
  EXPECT_THAT(full.out, HasSubstr("full recomputes what it recomputes"));
  const Answer none = runCaracal(command({"--explain", "--policy", "none", "--budget", "1TiB"}));
  EXPECT_THAT(none.out, HasSubstr("keeps all that backward reads"));
}

TEST_F(PlanVerb, searchedPartitionsHoldEveryLayerAndSayHowMegatronTakesThem) {
  const json even = plan({"--policy", "checkmate", "--budget", "1TiB"});
  for (const char* mode : {"greedy", "dp", "search"}) {
    const json document = plan({"--policy", "checkmate", "--budget", "1TiB", "--partition", mode});
    int32_t layers = 0;
    for (const json& count : document.at("partition")) layers += count.get<int32_t>();
    EXPECT_EQ(layers, 8) << mode;
    EXPECT_LE(document.at("stepNs"), even.at("stepNs")) << mode;
    EXPECT_THAT(document.at("notes").dump(), HasSubstr("Megatron-LM takes")) << mode;
  }
}

TEST_F(PlanVerb, otherSchedulesArePlannedAndSimulatedOrRefusedInWords) {
  for (const char* schedule : {"gpipe", "interleaved:2", "zb-h1"}) {
    const json planned = plan({"--policy", "block:1", "--schedule", schedule, "--budget", "1TiB",
                               "-o", path("other.json")});
    EXPECT_EQ(planned.at("document").at("schedule"), schedule);
    const json simulated =
        runCaracalJson({"simulate", "--profile", profile(), "--plan", path("other.json")});
    EXPECT_EQ(simulated.at("stepNs"), planned.at("stepNs")) << schedule;
  }
  EXPECT_EQ(runCaracal(command({"--schedule", "zb-h1"})).exitCode, 0);
  const Answer refused = runCaracal(command({"--schedule", "zb-h1", "--policy", "opt"}));
  EXPECT_EQ(refused.exitCode, 4);
  EXPECT_THAT(refused.err, HasSubstr("cannot plan zb-h1"));
  EXPECT_EQ(runCaracal(command({"--schedule", "2F2B"})).exitCode, 2);
}

TEST_F(PlanVerb, everyPolicyAnswersATooSmallBudgetWithTheSmallestThatFits) {
  for (const char* policy : {"none", "full", "selective", "uniform:2", "block:2", "knapsack",
                             "checkmate", "heu", "heu+"}) {
    SCOPED_TRACE(policy);
    const Answer answer = runCaracal(command({"--policy", policy, "--budget", "64MiB", "--json"}));
    EXPECT_EQ(answer.exitCode, 4);
    const json document = json::parse(answer.out);
    const auto smallest = document.at("smallestBudgetBytes").get<int64_t>();
    EXPECT_GT(smallest, 64 << 20);
    EXPECT_GE(document.at("tightestStage").get<int32_t>(), 0);
    EXPECT_NE(plan({"--policy", policy, "--budget", std::to_string(smallest)}).at("status"),
              "infeasible");
  }
}

TEST_F(PlanVerb, aBudgetWithoutUnitIsAskedBack) {
  const Answer answer = runCaracal(command({"--budget", "40"}));
  EXPECT_EQ(answer.exitCode, 2);
  EXPECT_THAT(answer.err, HasSubstr("40GiB"));
  EXPECT_EQ(runCaracal(command({"--budget", "40B"})).exitCode, 4);
  EXPECT_EQ(runCaracal(command({"--budget", "40GiB"})).exitCode, 0);
}

TEST_F(PlanVerb, usageErrorsExitWithTwo) {
  const std::vector<std::vector<std::string>> wrong{{"--partition", "halves"},
                                                    {"--policy", "magic"},
                                                    {"--pareto", "--compare"},
                                                    {"--pareto", "--budget", "40GiB"},
                                                    {"--compare", "-o", path("plan.json")},
                                                    {"--time-limit", "-1"}};
  for (const std::vector<std::string>& arguments : wrong) {
    const Answer answer = runCaracal(command(arguments));
    EXPECT_EQ(answer.exitCode, 2) << arguments[0] << ": " << answer.err;
  }
  const Answer model = runCaracal({"profile", "--model", "nosuch"});
  EXPECT_EQ(model.exitCode, 2);
  EXPECT_THAT(model.err, HasSubstr("gpt-7b"));
}

}  // namespace
}  // namespace caracal::cli
