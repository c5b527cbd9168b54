// caracal-run with ranks as processes under mpirun: the same bits as with threads, one recording,
// and an end with words for every way in which a rank can be lost.
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "tests/runtime/run_process.h"

namespace caracal::test {
namespace {

using std::chrono::steady_clock;

// As root too, which containers run tests as. Open MPI keeps memory to its end, which the address
// sanitizer would take for leaks.
const std::vector<std::string> kMpirun{"env",
                                       "ASAN_OPTIONS=detect_leaks=0",
                                       CARACAL_MPIRUN,
                                       "--allow-run-as-root",
                                       "--oversubscribe",
                                       "-n",
                                       "4"};
// Two stages of two ranks, for longer than any test.
std::vector<std::string> endless(const Folder& folder) {
  return {"--model",  folder.write("m.json", kModel), "--steps", "1000000", "--clock", "wall",
          "--record", folder.file("run.sqlite")};
}

// The process of a rank: the one that mpirun started with that rank in its environment.
pid_t processOf(const Process& mpirun, int rank) {
  const std::string own = std::to_string(mpirun.pid());
  std::ifstream children("/proc/" + own + "/task/" + own + "/children");
  const std::string wanted = "OMPI_COMM_WORLD_RANK=" + std::to_string(rank);
  for (pid_t child = 0; children >> child;) {
    std::ifstream environment("/proc/" + std::to_string(child) + "/environ");
    for (std::string variable; std::getline(environment, variable, '\0');)
      if (variable == wanted) return child;
  }
  ADD_FAILURE() << "mpirun has no rank " << rank;
  return 0;
}

void expectReadableUpToTheLastStep(const Folder& folder, const Process& run) {
  const std::string record = folder.file("run.sqlite");
  EXPECT_GE(query(record, "SELECT count(*) FROM CARACAL_STEP"),
            static_cast<int64_t>(run.events("step").size()));
  EXPECT_EQ(
      query(record, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
}

void expectEndsWith(const Folder& folder, Process& run, const std::string& words) {
  EXPECT_NE(run.wait(), 0);
  const auto errors = run.events("error");
  ASSERT_EQ(errors.size(), 1U) << run.err();
  EXPECT_NE(errors[0]["message"].get<std::string>().find(words), std::string::npos) << errors[0];
  expectReadableUpToTheLastStep(folder, run);
}

TEST(RanksAsProcesses, runEveryScheduleAsThreadsDo) {
  const Folder folder;
  const std::string model = folder.write("m.json", kDeepModel);
  const auto lossesOf = [&](const std::string& schedule, const std::vector<std::string>& launcher) {
    Process run(folder,
                {"--model", model, "--steps", "2", "--clock", "virtual", "--schedule", schedule},
                launcher);
    EXPECT_EQ(run.wait(), 0) << schedule << ": " << run.err();
    std::vector<double> losses;
    for (const Json& step : run.events("step")) losses.push_back(step["loss"].get<double>());
    return losses;
  };
  for (const std::string schedule :
       {"1F1B", "gpipe", "interleaved:2", "zb-h1", "zb-h2", "zb-v", "v-half", "v-min"}) {
    const std::vector<double> losses = lossesOf(schedule, kMpirun);
    EXPECT_EQ(losses.size(), 2U) << schedule;
    EXPECT_EQ(losses, lossesOf(schedule, {})) << schedule;
  }
}

// Gathers, reduce-scatters and a shared optimizer's state over sockets.
TEST(RanksAsProcesses, shareRowsAndTheOptimizersStateAsThreadsDo) {
  const Folder folder;
  const std::string model = folder.write(
      "m.json", R"({"layers": 4, "hidden": 32, "heads": 4, "sequence": 16, "vocabulary": 256,
  "microBatchSize": 2, "bytesPerElement": 4, "dropout": 0.1, "tp": 2, "dp": 2, "microBatches": 2,
  "sequenceParallel": true, "overlapGradientReduce": true})");
  const auto contentAfter = [&](const std::vector<std::string>& launcher) {
    const std::string checkpoint = folder.file("run.ckpt");
    Process run(folder,
                {"--model", model, "--steps", "3", "--clock", "virtual", "--checkpoint", checkpoint,
                 "--distributed-optimizer", "--bucket-bytes", "100000"},
                launcher);
    EXPECT_EQ(run.wait(), 0) << run.err();
    std::ostringstream content;
    content << std::ifstream(checkpoint).rdbuf();
    return content.str();
  };
  const std::string expected = contentAfter({});
  EXPECT_GT(expected.size(), 1000U);
  EXPECT_TRUE(contentAfter(kMpirun) == expected);
}

TEST(RanksAsProcesses, trainToTheSameBitsAsThreadsOnEitherClock) {
  const Folder folder;
  const std::string model = folder.write("m.json", kModel);
  for (const std::string clock : {"virtual", "wall"}) {
    const auto arguments = [&](const std::string& name) -> std::vector<std::string> {
      return {"--model",      model,
              "--steps",      "4",
              "--clock",      clock,
              "--checkpoint", folder.file(name + ".ckpt"),
              "--record",     folder.file(name + ".sqlite")};
    };
    Process threads(folder, arguments("threads"));
    ASSERT_EQ(threads.wait(), 0) << threads.err();
    const auto expected = threads.events("step");
    Process processes(folder, arguments("processes"), kMpirun);
    ASSERT_EQ(processes.wait(), 0) << processes.err();
    ASSERT_EQ(processes.events("start").size(), 1U) << "one rank speaks for all";
    const auto steps = processes.events("step");
    ASSERT_EQ(steps.size(), expected.size());
    for (size_t i = 0; i < steps.size(); ++i) {
      EXPECT_EQ(steps[i]["loss"], expected[i]["loss"]);
      EXPECT_EQ(steps[i]["peakBytes"], expected[i]["peakBytes"]);
    }
    const auto bytesOf = [&](const std::string& name) {
      std::ostringstream content;
      content << std::ifstream(folder.file(name)).rdbuf();
      return content.str();
    };
    EXPECT_EQ(bytesOf("processes.ckpt"), bytesOf("threads.ckpt"));
    const auto rows = [&](const std::string& name) {
      return query(folder.file(name), "SELECT count(*) FROM CARACAL_CPU_OP");
    };
    EXPECT_EQ(rows("processes.sqlite"), rows("threads.sqlite"));
    EXPECT_EQ(
        query(folder.file("processes.sqlite"), "SELECT count(DISTINCT rank) FROM CARACAL_CPU_OP"),
        4);
  }
}

TEST(RanksAsProcesses, emulatedLinksKeepTheirTime) {
  const Folder folder;
  Process run(folder,
              {"--model", folder.write("m.json", kModel), "--steps", "2", "--clock", "wall",
               "--link-tensor", "2ms,1GB/s"},
              kMpirun);
  ASSERT_EQ(run.wait(), 0) << run.err();
  const Json end = run.events("end").at(0);
  EXPECT_GT(end["links"]["waits"].get<int64_t>(), 0);
  // Per stage 2 layers x 4 micro-batches x 4 collectives of 2 ms latency cannot take less.
  EXPECT_GE(end["stepNs"].get<int64_t>(), 64'000'000);
}

TEST(RanksAsProcesses, aKilledRankEndsAllAndIsNamed) {
  for (const int rank : {2, 0}) {
    const Folder folder;
    Process run(folder, endless(folder), kMpirun);
    run.waitForEvent("step", 2);
    kill(processOf(run, rank), SIGKILL);
    expectEndsWith(folder, run, "rank " + std::to_string(rank) + " is gone");
  }
}

TEST(RanksAsProcesses, aRankThatStandsStillIsNamedAfterTheLinkTimeout) {
  const Folder folder;
  auto arguments = endless(folder);
  arguments.insert(arguments.end(), {"--link-timeout", "2"});
  Process run(folder, arguments, kMpirun);
  run.waitForEvent("step", 2);
  kill(processOf(run, 1), SIGSTOP);
  expectEndsWith(folder, run, "rank 1 stands still");
}

TEST(RanksAsProcesses, aSignalToOneRankEndsAllAfterTheStep) {
  const Folder folder;
  Process run(folder, endless(folder), kMpirun);
  run.waitForEvent("step", 2);
  kill(processOf(run, 3), SIGTERM);
  EXPECT_EQ(run.wait(), 128 + SIGTERM);
  const Json end = run.events("end").at(0);
  EXPECT_EQ(end["signal"], "SIGTERM");
  EXPECT_EQ(end["signalledRank"], 3);
  expectReadableUpToTheLastStep(folder, run);
}

// mpirun passes the signal on, stops reading soon after, and kills who is left a second later.
TEST(RanksAsProcesses, aSignalToMpirunEndsAll) {
  const Folder folder;
  Process run(folder, endless(folder), kMpirun);
  run.waitForEvent("step", 2);
  run.send(SIGTERM);
  EXPECT_NE(run.wait(), 0);
  expectReadableUpToTheLastStep(folder, run);
}

TEST(RanksAsProcesses, otherNumbersOfProcessesAreRefused) {
  const Folder folder;
  const std::vector<std::string> two{CARACAL_MPIRUN, "--allow-run-as-root", "--oversubscribe", "-n",
                                     "2"};
  Process run(folder, {"--model", folder.write("m.json", kModel)}, two);
  EXPECT_NE(run.wait(), 0);
  EXPECT_NE(run.err().find("started 2 processes, but the model has 4 ranks"), std::string::npos)
      << run.err();
}

TEST(RanksAsProcesses, aLoneProcessRunsItsRanksAsThreads) {
  const Folder folder;
  const std::vector<std::string> one{CARACAL_MPIRUN, "--allow-run-as-root", "-n", "1"};
  Process run(folder, {"--model", folder.write("m.json", kModel), "--steps", "1"}, one);
  EXPECT_EQ(run.wait(), 0) << run.err();
  EXPECT_EQ(run.events("end").at(0)["ranks"].size(), 4U);
}

}  // namespace
}  // namespace caracal::test
