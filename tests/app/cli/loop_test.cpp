// The whole loop on a tiny run that really happens: caracal-run, analyze, profile, plan, measure,
// compare.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/runs/program.h"
#include "tests/app/cli/run_caracal.h"

namespace caracal::cli {
namespace {

using nlohmann::json;
using test::Answer;
using test::runCaracal;
using test::runCaracalJson;
using test::TemporaryFolder;
using testing::HasSubstr;

constexpr const char* kTinyModel =
    R"({"schema": "caracal.model/1", "name": "Tiny GPT", "layers": 4, "hidden": 64,
  "heads": 4, "sequence": 32, "vocabulary": 256, "microBatchSize": 1, "bytesPerElement": 4, "dropout": 0.1,
  "staticBytesPerParameter": 16, "tp": 2, "pp": 2, "microBatches": 4})";
constexpr const char* kRunProgram = CARACAL_BINARY_DIR "/bin/caracal-run";

void train(const TemporaryFolder& folder, const std::string& recording,
           const std::string& schedule = "1F1B") {
  const auto code =
      runs::runProgram({kRunProgram,
                        {"--model", folder.write("model.json", kTinyModel), "--steps", "4",
                         "--clock", "virtual", "--schedule", schedule, "--record", recording},
                        {}},
                       [](std::string_view) {}, {});
  ASSERT_TRUE(code) << code.error().text();
  ASSERT_EQ(*code, 0);
}

// caracal-run executes them, a profile of the run knows them, and plans follow.
TEST(Loop, closesUnderOtherSchedules) {
  for (const std::string schedule : {"interleaved:2", "zb-h1", "v-half"}) {
    const TemporaryFolder folder;
    const std::string baseline = folder.path("baseline.sqlite"),
                      profile = folder.path("profile.json");
    ASSERT_NO_FATAL_FAILURE(train(folder, baseline, schedule));
    const json analyzed = runCaracalJson({"analyze", baseline});
    for (const json& stage : analyzed.at("stages")) {
      int64_t causes = 0;
      for (const auto& [name, ns] : stage.at("causes").items()) causes += ns.get<int64_t>();
      EXPECT_EQ(causes, stage.at("stepNs").get<int64_t>() - stage.at("busyNs").get<int64_t>());
    }
    ASSERT_EQ(runCaracal({"profile", baseline, "-o", profile}).exitCode, 0) << schedule;
    const json planned = runCaracalJson({"plan", "--profile", profile, "--policy", "full",
                                         "--budget", "1TiB", "-o", folder.path("full.json")});
    EXPECT_EQ(planned.at("document").at("schedule"), schedule);
    const json simulated =
        runCaracalJson({"simulate", "--profile", profile, "--plan", folder.path("full.json")});
    EXPECT_FALSE(simulated.at("replay").is_null()) << schedule;
    const json measured =
        runCaracalJson({"measure", "--profile", profile, "--plan", folder.path("full.json"),
                        "--clock", "virtual", "--steps", "3", "-o", folder.path("m.sqlite")});
    for (const json& stage : measured.at("runs").at(1).at("stages"))
      EXPECT_GT(stage.at("exposedRecomputeNs").get<int64_t>(), 0) << schedule;
  }
}

TEST(Loop, closesOnARunOfThisMachine) {
  const TemporaryFolder folder;
  const std::string baseline = folder.path("baseline.sqlite"),
                    profile = folder.path("profile.json");
  ASSERT_NO_FATAL_FAILURE(train(folder, baseline));

  const json analyzed = runCaracalJson({"analyze", baseline});
  EXPECT_EQ(analyzed.at("tag"), "emulated");
  EXPECT_EQ(analyzed.at("clock"), "virtual");
  EXPECT_EQ(analyzed.at("schedule"), "1F1B");
  EXPECT_EQ(analyzed.at("microBatches"), 4);
  ASSERT_EQ(analyzed.at("stages").size(), 2U);
  for (const json& stage : analyzed.at("stages")) {
    int64_t causes = 0;
    for (const auto& [name, ns] : stage.at("causes").items()) causes += ns.get<int64_t>();
    EXPECT_EQ(causes, stage.at("stepNs").get<int64_t>() - stage.at("busyNs").get<int64_t>());
  }

  ASSERT_EQ(runCaracal({"profile", baseline, "-o", profile}).exitCode, 0);
  const json planned = runCaracalJson({"plan", "--profile", profile, "--policy", "full", "--budget",
                                       "1TiB", "-o", folder.path("full.json")});
  const json measured =
      runCaracalJson({"measure", "--profile", profile, "--plan", folder.path("full.json"),
                      "--clock", "virtual", "--steps", "3", "-o", folder.path("measured.sqlite")});
  EXPECT_EQ(measured.at("schema"), "caracal.measure/1");
  const json& predictedRun = measured.at("runs").at(0);
  const json& measuredRun = measured.at("runs").at(1);
  EXPECT_EQ(predictedRun.at("tag"), "simulated");
  EXPECT_EQ(measuredRun.at("tag"), "emulated");
  EXPECT_EQ(predictedRun.at("stepNs"), planned.at("stepNs"));
  EXPECT_EQ(predictedRun.at("planHash"), measuredRun.at("planHash"));
  EXPECT_FALSE(measured.at("cautions").empty())
      << "a prediction and a measurement have different tags";
  for (const json& stage : measuredRun.at("stages")) {
    EXPECT_GT(stage.at("exposedRecomputeNs").get<int64_t>(), 0)
        << "full recomputation is on the critical path";
  }
}

TEST(Loop, everyPredictionCarriesTheReplayErrorOfTheRunBehindIt) {
  const TemporaryFolder folder;
  const std::string baseline = folder.path("baseline.sqlite"),
                    profile = folder.path("profile.json"), plan = folder.path("plan.json");
  ASSERT_NO_FATAL_FAILURE(train(folder, baseline));
  const std::vector<std::vector<std::string>> commands{
      {"profile", baseline, "-o", profile},
      {"plan", "--profile", profile, "--policy", "full", "--budget", "1TiB", "-o", plan},
      {"plan", "--profile", profile, "--budget", "1TiB", "--explain"},
      {"plan", "--profile", profile, "--budget", "1TiB", "--compare"},
      {"simulate", "--profile", profile, "--plan", plan},
      {"export", "--target", "megatron-lm", "--profile", profile, "--plan", plan, "-o",
       folder.path("megatron")},
      {"measure", "--profile", profile, "--plan", plan, "--clock", "virtual", "--steps", "2", "-o",
       folder.path("measured.sqlite")},
      {"measure", "--profile", profile, "--policies", "full", "--budget", "1TiB", "--clock",
       "virtual", "--steps", "2", "-o", folder.path("runs")}};
  for (const std::vector<std::string>& command : commands) {
    SCOPED_TRACE(testing::PrintToString(command));
    const Answer answer = runCaracal(command);
    ASSERT_EQ(answer.exitCode, 0) << answer.err;
    EXPECT_THAT(answer.out, HasSubstr("replay error: the profile's own run took"));
    EXPECT_GT(runCaracalJson(command).at("replay").at("observedNs").get<int64_t>(), 0);
  }
  EXPECT_THAT(runCaracal({"plan", "--profile", profile, "--policy", "full", "--pareto"}).out,
              HasSubstr("replay error"));
}

// Rows split over tensor ranks, and replicas that share the optimizer's state: recorded, profiled,
// planned, predicted and run.
TEST(Loop, closesWithSequenceParallelismAndADistributedOptimizer) {
  const TemporaryFolder folder;
  const std::string baseline = folder.path("baseline.sqlite"),
                    profile = folder.path("profile.json"), plan = folder.path("heu.json");
  const std::string model = folder.write(
      "rows.json",
      R"({"schema": "caracal.model/1", "name": "Rows", "layers": 2, "hidden": 64, "heads": 4,
  "sequence": 32, "vocabulary": 256, "bytesPerElement": 4, "dropout": 0.1, "tp": 2, "dp": 2,
  "sequenceParallel": true, "overlapGradientReduce": true, "microBatches": 2})");
  const auto code =
      runs::runProgram({kRunProgram,
                        {"--model", model, "--steps", "3", "--clock", "virtual", "--record",
                         baseline, "--distributed-optimizer", "--bucket-bytes", "150000"},
                        {}},
                       [](std::string_view) {}, {});
  ASSERT_TRUE(code) << code.error().text();
  ASSERT_EQ(*code, 0);
  ASSERT_EQ(runCaracal({"profile", baseline, "-o", profile}).exitCode, 0);
  runCaracalJson(
      {"plan", "--profile", profile, "--policy", "full", "--budget", "1TiB", "-o", plan});
  const json measured = runCaracalJson({"measure", "--profile", profile, "--plan", plan, "--clock",
                                        "virtual", "--distributed-optimizer", "--steps", "3", "-o",
                                        folder.path("measured.sqlite")});
  const json &predicted = measured.at("runs").at(0), &real = measured.at("runs").at(1);
  const auto peakOf = [](const json& run) {
    return run.at("stages").at(0).at("peakBytes").get<int64_t>();
  };
  EXPECT_GE(peakOf(predicted), peakOf(real));
  EXPECT_LE(peakOf(predicted), peakOf(real) + peakOf(real) / 50);
  EXPECT_GT(real.at("stages").at(0).at("exposedRecomputeNs").get<int64_t>(), 0);
  EXPECT_TRUE(measured.at("slice").empty());
}

// A plan for four stages of bf16, measured as a slice of two.
TEST(Loop, aPlanForOtherHardwareIsMeasuredAsASlice) {
  const TemporaryFolder folder;
  const std::string model = folder.write(
      "large.json",
      R"({"schema": "caracal.model/1", "name": "Large", "layers": 16, "hidden": 64, "heads": 4,
  "sequence": 32, "vocabulary": 256, "tp": 4, "pp": 4, "dp": 8, "microBatches": 16,
  "gpu": "a100-80gb"})");
  const std::string profile = folder.path("profile.json"), plan = folder.path("full.json");
  ASSERT_EQ(runCaracal({"profile", "--model", model, "-o", profile}).exitCode, 0);
  runCaracalJson(
      {"plan", "--profile", profile, "--policy", "full", "--budget", "1TiB", "-o", plan});
  const std::vector<std::string> command{"measure",
                                         "--profile",
                                         profile,
                                         "--plan",
                                         plan,
                                         "--clock",
                                         "virtual",
                                         "--steps",
                                         "3",
                                         "-o",
                                         folder.path("m.sqlite")};
  const json measured = runCaracalJson(command);
  const auto cuts = measured.at("slice").get<std::vector<std::string>>();
  EXPECT_THAT(cuts, testing::ElementsAre(
                        "4 stages became 2 (the plan's 0, 3)",
                        "16 layers became 4 (the plan's 0, 1, 12, 13)",
                        "4 tensor-parallel ranks became 2, each with more heads and columns",
                        "8 data-parallel replicas became 1", "16 micro-batches became 4",
                        "activations of 2 bytes an element became fp32"));
  EXPECT_EQ(measured.at("note"), "") << "profiled here, so nothing had to be predicted again";
  EXPECT_EQ(measured.at("runs").at(0).at("hardware"), measured.at("runs").at(1).at("hardware"));
  EXPECT_EQ(measured.at("runs").at(1).at("stages").size(), 2U);
  const json again = runCaracalJson({"measure", "--profile", profile, "--plan", plan, "--clock",
                                     "virtual", "--steps", "3", "-o", folder.path("n.sqlite"),
                                     "--slice", "stages=3,layers=1,microbatches=3"});
  EXPECT_EQ(again.at("runs").at(1).at("stages").size(), 3U);
  EXPECT_THAT(again.at("slice").at(1), HasSubstr("16 layers became 3 (the plan's 0, 4, 12)"));
}

TEST(Loop, severalPoliciesAreMeasuredSideBySide) {
  const TemporaryFolder folder;
  const std::string baseline = folder.path("baseline.sqlite"),
                    profile = folder.path("profile.json");
  ASSERT_NO_FATAL_FAILURE(train(folder, baseline));
  ASSERT_EQ(runCaracal({"profile", baseline, "-o", profile}).exitCode, 0);
  const std::vector<std::string> command{"measure",          "--profile", profile, "--policies",
                                         "none,full,heu",    "--budget",  "1TiB",  "--clock",
                                         "virtual",          "--steps",   "3",     "-o",
                                         folder.path("runs")};
  const json measured = runCaracalJson(command);
  ASSERT_EQ(measured.at("policies").size(), 3U);
  for (const json& row : measured.at("policies")) {
    EXPECT_TRUE(row.at("fits").get<bool>()) << row;
    // Predicted with the workspace of the stage that needs most.
    const auto predicted = row.at("predictedPeakBytes").get<int64_t>(),
               real = row.at("measuredPeakBytes").get<int64_t>();
    EXPECT_GE(predicted, real) << row;
    EXPECT_LE(predicted, real + real / 20) << row;
  }
  const json& full = measured.at("policies").at(1);
  EXPECT_GT(full.at("exposedRecomputeNs").get<int64_t>(), 0);
  EXPECT_LT(full.at("measuredPeakBytes").get<int64_t>(),
            measured.at("policies").at(0).at("measuredPeakBytes").get<int64_t>());
  EXPECT_THAT(runCaracal(command).out, HasSubstr("over full"));
  EXPECT_EQ(measured.at("rounds"), 1) << "three steps are not enough for two rounds";
  EXPECT_FALSE(std::filesystem::exists(folder.path("runs/profiled.sqlite"))) << "none is it";

  std::vector<std::string> tight = command;
  tight[6] = "1KiB";
  const json squeezed = runCaracalJson(tight);
  for (const json& row : squeezed.at("policies")) {
    EXPECT_FALSE(row.at("fits").get<bool>()) << row;
    EXPECT_GT(row.at("smallestBudgetBytes").get<int64_t>(), 1024) << row;
    EXPECT_EQ(row.contains("measuredStepNs"), row.at("policy") != "heu") << row;
  }
  EXPECT_EQ(runCaracal({"measure", "--profile", profile, "-o", "x"}).exitCode, 2);
}

TEST(Loop, policiesTakeTurnsBesideTheProfilesOwnPlan) {
  const TemporaryFolder folder;
  const std::string baseline = folder.path("baseline.sqlite"),
                    profile = folder.path("profile.json");
  ASSERT_NO_FATAL_FAILURE(train(folder, baseline));
  ASSERT_EQ(runCaracal({"profile", baseline, "-o", profile}).exitCode, 0);
  const std::vector<std::string> command{
      "measure", "--profile", profile,    "--policies", "full", "--clock",          "virtual",
      "--steps", "5",         "--rounds", "2",          "-o",   folder.path("runs")};
  const Answer answer = runCaracal(command);
  ASSERT_EQ(answer.exitCode, 0) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("medians of 3 steps in 2 rounds"));
  EXPECT_THAT(answer.out, HasSubstr("this machine ran the profile's own plan"));
  for (const char* policy : {"full", "profiled"}) {
    for (const char* round : {"1", "2"}) {
      const json steps = runCaracalJson(
          {"analyze", folder.path(std::string("runs/") + policy + ".round" + round + ".sqlite")});
      EXPECT_EQ(steps.at("steps").size(), std::string(round) == "1" ? 3U : 2U) << policy << round;
    }
  }
  const json measured = runCaracalJson(command);
  const json& drift = measured.at("drift");
  EXPECT_EQ(drift.at("profiledNs"), measured.at("replay").at("observedNs"));
  EXPECT_EQ(drift.at("roundsNs").size(), 2U);
  const json& full = measured.at("policies").at(0);
  EXPECT_EQ(full.at("steps"), 3);
  const double now = drift.at("nowNs").get<double>() / drift.at("profiledNs").get<double>();
  EXPECT_NEAR(full.at("errorWithoutDriftPct").get<double>(),
              100 * (now * full.at("predictedStepNs").get<double>() /
                         full.at("measuredStepNs").get<double>() -
                     1),
              0.01);
  ASSERT_EQ(measured.at("policies").size(), 1U) << "the profile's own plan is no policy's row";
}

TEST(Loop, calibratesThisMachineAndProfilesAModelForIt) {
  const TemporaryFolder folder;
  const std::string hardware = folder.path("here.json");
  const json calibrated =
      runCaracalJson({"calibrate", "--model", folder.write("model.json", kTinyModel), "--clock",
                      "virtual", "--steps", "3", "-o", hardware});
  // The emulated links take what they are asked to take.
  const json& link = calibrated.at("hardware").at("tensorLink");
  EXPECT_EQ(link.at("latencyNs"), 200'000);
  EXPECT_NEAR(link.at("bytesPerSecond").get<double>(), 400e6, 1e6);
  EXPECT_GE(calibrated.at("hardware").at("kappa").get<double>(), 1.0);
  EXPECT_EQ(calibrated.at("operators").size(), 13U);

  json model = json::parse(kTinyModel);
  model["gpu"] = hardware;
  const Answer profiled =
      runCaracal({"profile", "--model", folder.write("here-model.json", model.dump())});
  EXPECT_EQ(profiled.exitCode, 0) << profiled.err;
}

TEST(Loop, aPlanForAnotherProfileIsNotRun) {
  const TemporaryFolder folder;
  const std::string baseline = folder.path("baseline.sqlite");
  ASSERT_NO_FATAL_FAILURE(train(folder, baseline));
  ASSERT_EQ(runCaracal({"profile", baseline, "-o", folder.path("mine.json")}).exitCode, 0);
  ASSERT_EQ(
      runCaracal({"profile", "--model", "gpt-1.3b", "-o", folder.path("other.json")}).exitCode, 0);
  ASSERT_EQ(runCaracal({"plan", "--profile", folder.path("mine.json"), "--policy", "full",
                        "--budget", "1TiB", "-o", folder.path("plan.json")})
                .exitCode,
            0);
  const Answer answer =
      runCaracal({"measure", "--profile", folder.path("other.json"), "--plan",
                  folder.path("plan.json"), "-o", folder.path("measured.sqlite")});
  EXPECT_EQ(answer.exitCode, 1);
  EXPECT_THAT(answer.err, HasSubstr("profile"));
  EXPECT_FALSE(std::filesystem::exists(folder.path("measured.sqlite")));
}

TEST(Loop, whatAKilledRunHadRecordedIsRead) {
  const TemporaryFolder folder;
  const std::string recording = folder.path("killed.sqlite"),
                    model = folder.write("model.json", kTinyModel);
  const pid_t child = ::fork();
  if (child == 0) {
    ::freopen("/dev/null", "w", stdout);
    ::execl(kRunProgram, kRunProgram, "--model", model.c_str(), "--steps", "100000", "--clock",
            "virtual", "--record", recording.c_str(), nullptr);
    ::_exit(127);
  }
  ASSERT_GT(child, 0);
  // Until the first steps are there; a busy machine may take a while.
  json info = json::object();
  for (int tries = 0; tries < 200 && info.value("events", 0) < 500; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const Answer answer = runCaracal({"info", recording, "--json"});
    if (answer.exitCode == 0) info = json::parse(answer.out);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const json after = runCaracalJson({"analyze", recording});
  EXPECT_GE(after.at("steps").size(), 1U);
  EXPECT_EQ(after.at("stages").size(), 2U);
}

}  // namespace
}  // namespace caracal::cli
