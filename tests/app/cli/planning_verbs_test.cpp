// profile, plan, simulate, compare and export, one after the other, on a model description.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
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
using testing::Not;

class PlanningVerbs : public test::PlannedJob {
 protected:
  // Plans with a policy and returns the printed document; the plan lands in <name>.json.
  static json plan(const std::string& name, const std::string& policy, const std::string& budget) {
    return runCaracalJson({"plan", "--profile", profile(), "--policy", policy, "--budget", budget,
                           "-o", path(name + ".json")});
  }
};

TEST_F(PlanningVerbs, planPrintsTheFieldsThatScriptsRelyOn) {
  const json document = plan("full", "full", "1TiB");
  EXPECT_EQ(document.at("schema"), "caracal.plan/1");
  EXPECT_EQ(document.at("policy"), "full");
  EXPECT_EQ(document.at("partition"), json({4, 4}));
  EXPECT_THAT(document.at("status").get<std::string>(), testing::AnyOf("feasible", "optimal"));
  EXPECT_GT(document.at("stepNs").get<int64_t>(), 0);
  EXPECT_GE(document.at("bubblePct").get<double>(), 0.0);
  EXPECT_TRUE(document.at("zbBubbleRate").is_number());
  EXPECT_TRUE(document.at("boundNs").is_number_integer());
  EXPECT_TRUE(document.at("searchSeconds").is_number());
  ASSERT_EQ(document.at("stages").size(), 2U);
  for (const json& stage : document.at("stages")) {
    EXPECT_EQ(stage.at("layers"), 4);
    for (const char* field : {"stage", "forwardNs", "backwardNs", "exposedRecomputeNs",
                              "hiddenRecomputeNs", "peakBytes", "budgetBytes"}) {
      EXPECT_TRUE(stage.at(field).is_number_integer()) << field;
    }
  }
}

TEST_F(PlanningVerbs, heuUsesTheBudgetAndIsNoSlowerThanFull) {
  const std::string budget = middleBudget();
  const json heu = plan("heu", "heu", budget);
  EXPECT_LE(largestPeak(heu), std::stoll(budget));
  EXPECT_LE(heu.at("stepNs"), plan("full", "full", budget).at("stepNs"));
}

TEST_F(PlanningVerbs, aBudgetNothingFitsIsAnsweredWithTheSmallestThatWould) {
  std::filesystem::remove(path("impossible.json"));
  const std::vector<std::string> command{
      "plan", "--profile", profile(), "--budget", "1MiB", "-o", path("impossible.json")};
  const Answer answer = runCaracal(command);
  EXPECT_EQ(answer.exitCode, 4);
  EXPECT_THAT(answer.out, HasSubstr("infeasible"));
  EXPECT_THAT(answer.out, HasSubstr("the smallest budget that would is"));
  EXPECT_FALSE(std::filesystem::exists(path("impossible.json"))) << "no plan is left behind";

  std::vector<std::string> asJson = command;
  asJson.emplace_back("--json");
  const json document = json::parse(runCaracal(asJson).out);
  EXPECT_EQ(document.at("status"), "infeasible");
  const auto smallest = document.at("smallestBudgetBytes").get<int64_t>();
  EXPECT_GT(smallest, 1 << 20);
  EXPECT_NE(plan("smallest", "heu", std::to_string(smallest)).at("status"), "infeasible");
}

TEST_F(PlanningVerbs, thePartitionCanBeGivenByHand) {
  const json document = runCaracalJson({"plan", "--profile", profile(), "--policy", "full",
                                        "--budget", "1TiB", "--partition", "5,3"});
  EXPECT_EQ(document.at("partition"), json({5, 3}));
  EXPECT_EQ(runCaracal({"plan", "--profile", profile(), "--partition", "5,5"}).exitCode, 2);
  EXPECT_EQ(runCaracal({"plan", "--profile", profile(), "--partition", "some"}).exitCode, 2);
  EXPECT_EQ(runCaracal({"plan", "--profile", profile(), "--budget", "much"}).exitCode, 2);
  EXPECT_EQ(runCaracal({"plan", "--profile", profile(), "--policy", "magic"}).exitCode, 2);
}

TEST_F(PlanningVerbs, simulateRefusesAPlanThatIsOneByteTooLarge) {
  const int64_t peak = largestPeak(plan("tight", "full", "1TiB"));
  const auto simulatedWith = [&](int64_t budget) {
    json document = json::parse(std::ifstream(path("tight.json")));
    for (json& stage : document.at("stages")) stage["budgetBytes"] = budget;
    std::ofstream(path("budget.json")) << document.dump();
    return runCaracal(
        {"simulate", "--profile", profile(), "--plan", path("budget.json"), "--json"});
  };
  EXPECT_EQ(simulatedWith(peak).exitCode, 0);
  const Answer over = simulatedWith(peak - 1);
  EXPECT_EQ(over.exitCode, 3);
  EXPECT_EQ(json::parse(over.out).at("status"), "infeasible");
}

TEST_F(PlanningVerbs, otherSchedulesAreSimulatedAndWhatCannotRunIsRefused) {
  const int64_t plain = plan("base", "none", "1TiB").at("stepNs");
  const auto simulatedAs = [&](const char* schedule) {
    json document = json::parse(std::ifstream(path("base.json")));
    document["schedule"] = schedule;
    std::ofstream(path("schedule.json")) << document.dump();
    return runCaracal(
        {"simulate", "--profile", profile(), "--plan", path("schedule.json"), "--json"});
  };
  const json zeroBubble = json::parse(simulatedAs("zb-h1").out);
  EXPECT_EQ(zeroBubble.at("schedule"), "zb-h1");
  EXPECT_LT(zeroBubble.at("bubblePct").get<double>(),
            json::parse(simulatedAs("1F1B").out).at("bubblePct").get<double>());
  EXPECT_EQ(json::parse(simulatedAs("1F1B").out).at("stepNs"), plain);
  const Answer tooFew = simulatedAs("interleaved:2");
  EXPECT_NE(tooFew.exitCode, 0);
  EXPECT_THAT(tooFew.err, HasSubstr("cuts the model into 4 chunks for 2 devices"));
}

TEST_F(PlanningVerbs, whatIfsAreEstimatesBesideThePlainStep) {
  const int64_t plain = plan("base", "none", "1TiB").at("stepNs");
  const json supposed =
      runCaracalJson({"simulate", "--profile", profile(), "--plan", path("base.json"), "--what-if",
                      "layer-dropping=0.2", "--what-if", "8-bit"});
  EXPECT_LT(supposed.at("stepNs").get<int64_t>(), plain);
  EXPECT_EQ(supposed.at("profileTag"), "estimated");
  EXPECT_EQ(supposed.at("whatIf").at("tag"), "estimated");
  EXPECT_EQ(supposed.at("whatIf").at("without").at("stepNs"), plain);
  EXPECT_EQ(supposed.at("whatIf").at("assumed").size(), 2U);
  EXPECT_THAT(supposed.at("whatIf").at("assumed").at(0).at("source").get<std::string>(),
              HasSubstr("2010.13369"));
  const Answer unknown = runCaracal(
      {"simulate", "--profile", profile(), "--plan", path("base.json"), "--what-if", "luck"});
  EXPECT_EQ(unknown.exitCode, 2);
  EXPECT_THAT(unknown.err, HasSubstr("choose ulysses"));
}

TEST_F(PlanningVerbs, simulateAgreesWithPlanAndItsTimelineOpensLikeARecording) {
  const json planned = plan("uniform", "uniform:1", "1TiB");
  const json simulated =
      runCaracalJson({"simulate", "--profile", profile(), "--plan", path("uniform.json"), "--trace",
                      path("predicted.sqlite")});
  EXPECT_EQ(simulated.at("schema"), "caracal.simulate/1");
  EXPECT_EQ(simulated.at("stepNs"), planned.at("stepNs"));
  EXPECT_EQ(simulated.at("stages"), planned.at("stages"));

  const json info = runCaracalJson({"info", path("predicted.sqlite")});
  EXPECT_EQ(info.at("tag"), "simulated");
  const json analyzed = runCaracalJson({"analyze", path("predicted.sqlite")});
  ASSERT_EQ(analyzed.at("stages").size(), 2U);
  for (size_t s = 0; s < 2; ++s) {
    EXPECT_EQ(analyzed.at("stages").at(s).at("pipelineNs"), simulated.at("pipelineNs"));
    EXPECT_EQ(analyzed.at("stages").at(s).at("bubbleNs"),
              simulated.at("stages").at(s).at("bubbleNs"));
    EXPECT_EQ(analyzed.at("stages").at(s).at("exposedRecomputeNs"),
              simulated.at("stages").at(s).at("exposedRecomputeNs"));
  }
  // A plan and its predicted timeline are the same run.
  const json compared = runCaracalJson(
      {"compare", path("uniform.json"), path("predicted.sqlite"), "--profile", profile()});
  EXPECT_EQ(compared.at("runs").at(1).at("change").at("stepPct"), 0.0);
  EXPECT_EQ(compared.at("runs").at(0).at("stages"), compared.at("runs").at(1).at("stages"));
}

TEST_F(PlanningVerbs, compareHasAGate) {
  plan("fast", "none", "1TiB");
  plan("slow", "full", "1TiB");
  const std::vector<std::string> command{"compare",   path("fast.json"), path("slow.json"),
                                         "--profile", profile(),         "--max-slower"};
  const auto withLimit = [&](const char* limit) {
    std::vector<std::string> arguments = command;
    arguments.emplace_back(limit);
    return runCaracal(arguments);
  };
  EXPECT_EQ(withLimit("1000").exitCode, 0);
  const Answer failed = withLimit("0.1");
  EXPECT_EQ(failed.exitCode, 3);
  EXPECT_THAT(failed.out, HasSubstr("gate failed"));
  EXPECT_EQ(runCaracal({"compare", path("fast.json"), "--profile", profile()}).exitCode, 2)
      << "one is not enough";
}

TEST_F(PlanningVerbs, comparingAPlanAsksForItsProfile) {
  plan("fast", "none", "1TiB");
  const Answer answer = runCaracal({"compare", path("fast.json"), path("fast.json")});
  EXPECT_EQ(answer.exitCode, 4);
  EXPECT_THAT(answer.err, HasSubstr("--profile"));
}

TEST_F(PlanningVerbs, aPlanForAnotherProfileIsRefused) {
  plan("own", "full", "1TiB");
  std::string other = test::kPlannedModel;
  other.replace(other.find("\"hidden\": 1024"), 14, "\"hidden\": 2048");
  std::ofstream(path("other_model.json")) << other;
  ASSERT_EQ(runCaracal({"profile", "--model", path("other_model.json"), "-o", path("other.json")})
                .exitCode,
            0);
  const Answer answer =
      runCaracal({"simulate", "--profile", path("other.json"), "--plan", path("own.json")});
  EXPECT_EQ(answer.exitCode, 1);
  EXPECT_THAT(answer.err, HasSubstr("profile"));
}

TEST_F(PlanningVerbs, aPlanEditedToAnImpossibleOrderIsRefusedByLayerAndOperator) {
  plan("broken", "full", "1TiB");
  std::ifstream in(path("broken.json"));
  std::string text((std::istreambuf_iterator<char>(in)), {});
  const size_t at = text.find("\"onDemand\"");
  ASSERT_NE(at, std::string::npos) << text;
  // What backward needs is neither kept nor rebuilt any more.
  std::ofstream(path("broken.json")) << text.replace(at, 10, "\"discarded\"");
  const Answer answer =
      runCaracal({"simulate", "--profile", profile(), "--plan", path("broken.json")});
  EXPECT_EQ(answer.exitCode, 1) << answer.out;
  EXPECT_THAT(answer.err, HasSubstr("broken.json"));
  EXPECT_THAT(answer.err, HasSubstr("layer"));
}

TEST_F(PlanningVerbs, documentsThatAreNoneAreRefusedByName) {
  const std::string bad = path("bad.json");
  for (const char* content :
       {"", "[]", "{\"schema\": \"caracal.profile/99\"}", "{\"schema\": \"caracal.plan/1\"}"}) {
    std::ofstream(bad) << content;
    const Answer answer = runCaracal({"plan", "--profile", bad});
    EXPECT_THAT(answer.exitCode, testing::AnyOf(1, 4)) << content;
    EXPECT_THAT(answer.err, HasSubstr("bad.json")) << content;
  }
}

TEST_F(PlanningVerbs, exportSaysWhatTheTargetCannotHold) {
  plan("heu_to_export", "heu", middleBudget());
  const std::vector<std::string> command{"export",
                                         "--target",
                                         "megatron-lm",
                                         "--profile",
                                         profile(),
                                         "--plan",
                                         path("heu_to_export.json"),
                                         "-o",
                                         path("megatron")};
  const json document = runCaracalJson(command);
  EXPECT_EQ(document.at("schema"), "caracal.export/1");
  EXPECT_EQ(document.at("target"), "megatron-lm");
  EXPECT_FALSE(document.at("files").empty());
  for (const json& file : document.at("files")) {
    EXPECT_TRUE(std::filesystem::exists(path("megatron") + "/" + file.get<std::string>())) << file;
  }
  EXPECT_FALSE(document.at("losses").empty()) << "Megatron-LM has no recomputation in windows";
  std::vector<std::string> unknown = command;
  unknown[2] = "no-such-framework";
  const Answer answer = runCaracal(unknown);
  EXPECT_NE(answer.exitCode, 0);
  EXPECT_THAT(answer.err, HasSubstr("megatron-lm"));
}

TEST_F(PlanningVerbs, profileNeedsSomethingToStartFrom) {
  EXPECT_EQ(runCaracal({"profile"}).exitCode, 2);
  EXPECT_EQ(runCaracal({"profile", "--layers", "4,4", "x.sqlite"}).exitCode, 2);
}

}  // namespace
}  // namespace caracal::cli
