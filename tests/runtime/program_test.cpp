// caracal-run with ranks as threads.
#include <gtest/gtest.h>

#include "core/base/sanitizers.h"
#include "tests/runtime/run_process.h"

namespace caracal::test {
namespace {

TEST(CaracalRun, reportsEveryStepAndRecordsIt) {
  const Folder folder;
  const std::string record = folder.file("run.sqlite");
  Process run(folder, {"--model", folder.write("m.json", kModel), "--steps", "3", "--clock",
                       "virtual", "--record", record});
  ASSERT_EQ(run.wait(), 0) << run.err();
  const Json start = run.events("start").at(0);
  EXPECT_EQ(start["ranks"], 4);
  EXPECT_EQ(start["tag"], "emulated");
  const auto steps = run.events("step");
  ASSERT_EQ(steps.size(), 3U);
  for (const Json& step : steps) {
    EXPECT_GT(step["stepNs"].get<int64_t>(), 0);
    EXPECT_GT(step["loss"].get<double>(), 0);
  }
  const Json end = run.events("end").at(0);
  EXPECT_EQ(end["stopped"], "allSteps");
  EXPECT_EQ(end["ranks"].size(), 4U);
  EXPECT_EQ(query(record, "SELECT count(*) FROM CARACAL_STEP"), 3);
  EXPECT_EQ(query(record, "SELECT count(DISTINCT rank) FROM CARACAL_CPU_OP"), 4);
}

TEST(CaracalRun, sizesOnTheCommandLineReplaceTheModels) {
  const Folder folder;
  Process run(folder, {"--model", folder.write("m.json", kModel), "--tp", "1", "--pp", "4", "--dp",
                       "1", "--microbatches", "2", "--steps", "1"});
  ASSERT_EQ(run.wait(), 0) << run.err();
  const Json start = run.events("start").at(0);
  EXPECT_EQ(start["tp"], 1);
  EXPECT_EQ(start["partition"], Json::array({1, 1, 1, 1}));
  EXPECT_EQ(start["microBatches"], 2);
}

TEST(CaracalRun, interruptEndsAfterTheStepAndKeepsTheRecording) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const Folder folder;
    const std::string record = folder.file("run.sqlite");
    Process run(folder, {"--model", folder.write("m.json", kModel), "--steps", "100000", "--record",
                         record});
    run.waitForEvent("step");
    run.send(signal);
    ASSERT_EQ(run.wait(), 128 + signal) << run.err();
    const Json end = run.events("end").at(0);
    EXPECT_EQ(end["stopped"], "signal");
    EXPECT_EQ(end["signal"], signal == SIGINT ? "SIGINT" : "SIGTERM");
    EXPECT_EQ(query(record, "SELECT count(*) FROM CARACAL_STEP"), end["steps"].get<int64_t>());
  }
}

TEST(CaracalRun, goesOnFromTheCheckpointOfAnInterruptedRun) {
  const Folder folder;
  const std::string model = folder.write("m.json", kModel), checkpoint = folder.file("c.ckpt");
  Process first(folder,
                {"--model", model, "--steps", "100000", "--seed", "7", "--checkpoint", checkpoint});
  first.waitForEvent("step");
  first.send(SIGTERM);
  ASSERT_EQ(first.wait(), 128 + SIGTERM) << first.err();
  const auto done = first.events("end").at(0)["steps"].get<int64_t>();

  Process rest(folder, {"--model", model, "--steps", "2", "--resume", checkpoint});
  ASSERT_EQ(rest.wait(), 0) << rest.err();
  EXPECT_EQ(rest.events("step").at(0)["step"], done);

  Process other(folder, {"--model", model, "--resume", checkpoint, "--seed", "8"});
  EXPECT_EQ(other.wait(), 1);
  EXPECT_NE(other.err().find("seed 7"), std::string::npos) << other.err();
}

TEST(CaracalRun, killedMidStepLeavesAReadableRecording) {
  const Folder folder;
  const std::string record = folder.file("run.sqlite");
  Process run(folder,
              {"--model", folder.write("m.json", kModel), "--steps", "100000", "--record", record});
  run.waitForEvent("step", 2);
  run.send(SIGKILL);
  EXPECT_EQ(run.wait(), 128 + SIGKILL);
  const auto announced = static_cast<int64_t>(run.events("step").size());
  EXPECT_GE(query(record, "SELECT count(*) FROM CARACAL_STEP"), announced);
  EXPECT_EQ(query(record, "SELECT count(*) FROM CARACAL_STEP"),
            query(record, "SELECT count(DISTINCT step) FROM CARACAL_CPU_OP"));
  EXPECT_EQ(
      query(record, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
}

TEST(CaracalRun, wallClockReportsHowLateEmulatedTransfersEnded) {
  const Folder folder;
  Process run(folder, {"--model", folder.write("m.json", kModel), "--pp", "1", "--steps", "2",
                       "--clock", "wall", "--link-tensor", "1ms,1GB/s"});
  ASSERT_EQ(run.wait(), 0) << run.err();
  const Json end = run.events("end").at(0);
  EXPECT_GT(end["links"]["waits"].get<int64_t>(), 0);
  EXPECT_GE(end["links"]["meanLateNs"].get<int64_t>(), 0);
  // 4 layers x 4 micro-batches x 4 collectives of 1 ms latency cannot take less.
  EXPECT_GE(end["stepNs"].get<int64_t>(), 64'000'000);
}

struct Refusal {
  std::vector<std::string> arguments;
  int exitCode;
  std::string words;  // in what is said on stderr
};

void expectRefused(const Folder& folder, const Refusal& refusal) {
  Process run(folder, refusal.arguments);
  EXPECT_EQ(run.wait(), refusal.exitCode) << run.err();
  EXPECT_NE(run.err().find(refusal.words), std::string::npos) << run.err();
  if (refusal.exitCode == 1) {
    const auto errors = run.events("error");
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_NE(errors[0]["message"].get<std::string>().find(refusal.words), std::string::npos)
        << errors[0];
  }
}

TEST(CaracalRun, saysWhatIsWrongWithItsArguments) {
  const Folder folder;
  expectRefused(folder, {{"--bogus"}, 2, "--bogus"});
  expectRefused(folder, {{"--steps", "0"}, 2, "--steps"});
  expectRefused(folder, {{"--plan", "p.json", "--model", "m.json"}, 2, "excludes"});
  expectRefused(folder, {{"--link-tensor", "fast"}, 2, "200us,2GB/s"});
  expectRefused(folder, {{"--clock", "sundial"}, 2, "--clock"});
}

TEST(CaracalRun, saysWhatIsWrongWithItsFiles) {
  const Folder folder;
  const std::string model = folder.write("m.json", kModel);
  expectRefused(folder, {{"--plan", folder.file("no.json")}, 1, "no.json"});
  expectRefused(folder, {{"--plan", folder.write("bad.json", "{\"schema\": ")}, 1, "bad.json"});
  expectRefused(folder, {{"--plan", folder.write("new.json", "{\"schema\": \"caracal.plan/9\"}")},
                         1,
                         "caracal.plan/9"});
  expectRefused(folder, {{"--model", folder.file("nothing.json")}, 1, "nothing.json"});
  expectRefused(folder, {{"--model", model, "--tp", "3"}, 1, "heads"});
  expectRefused(folder, {{"--model", model, "--text", folder.file("no.txt")}, 1, "no.txt"});
  expectRefused(folder,
                {{"--model", model, "--record", "/nonexistent/run.sqlite"}, 1, "/nonexistent"});
  expectRefused(folder, {{"--model", "gpt-22b"}, 1, "bytesPerElement"});
}

TEST(CaracalRun, helpSaysHowToUseIt) {
  const Folder folder;
  Process run(folder, {"--help"});
  EXPECT_EQ(run.wait(), 0);
}

// Collectives of this run take 1 s each, so its step takes minutes.
TEST(CaracalRun, aSecondSignalEndsItInsideAStep) {
  const Folder folder;
  Process run(folder, {"--model", folder.write("m.json", kModel), "--steps", "2", "--clock", "wall",
                       "--link-tensor", "1s,1GB/s"});
  run.waitForEvent("start");
  run.send(SIGTERM);
  usleep(300'000);  // or the two would be one
  run.send(SIGTERM);
  EXPECT_EQ(run.wait(), 128 + SIGTERM) << run.err();
  EXPECT_NE(run.err().find("ended inside a step by Terminated"), std::string::npos) << run.err();
}

// A process that may not write more than this into a file, as on a disk that is full.
TEST(CaracalRun, aFullDiskEndsTheRunAndLeavesWhatWasRecorded) {
  const Folder folder;
  const std::string record = folder.file("run.sqlite");
  Process run(folder,
              {"--model", folder.write("m.json", kModel), "--steps", "100000", "--record", record},
              {"sh", "-c", "ulimit -f 2000; exec \"$@\"", "sh"});
  EXPECT_EQ(run.wait(), 1) << run.err();
  EXPECT_EQ(run.events("error").size(), 1U);
  EXPECT_NE(run.err().find("run.sqlite"), std::string::npos) << run.err();
  EXPECT_GT(query(record, "SELECT count(*) FROM CARACAL_STEP"), 0);
  EXPECT_EQ(
      query(record, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
}

// A machine that gives the process less memory than the model needs.
TEST(CaracalRun, aRankWithoutMemoryIsNamed) {
  if (kAddressSanitizer || kThreadSanitizer)
    GTEST_SKIP() << "sanitizers take address space of their own";
  const Folder folder;
  const std::string model = R"({"layers": 2, "hidden": 1024, "heads": 8, "sequence": 128,
    "vocabulary": 256, "microBatchSize": 4, "bytesPerElement": 4, "tp": 1, "pp": 2,
    "microBatches": 2})";
  Process run(folder, {"--model", folder.write("m.json", model), "--steps", "1"},
              {"sh", "-c", "ulimit -v 400000; exec \"$@\"", "sh"});
  EXPECT_EQ(run.wait(), 1) << run.err();
  const auto errors = run.events("error");
  ASSERT_EQ(errors.size(), 1U) << run.err();
  EXPECT_EQ(errors[0]["code"], "outOfMemory");
  EXPECT_EQ(errors[0]["message"].get<std::string>().find("rank "), 0U) << errors[0];
}

}  // namespace
}  // namespace caracal::test
