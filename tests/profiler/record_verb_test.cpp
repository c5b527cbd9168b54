// `caracal record` from the command line to the figures of its recordings.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "app/runs/program.h"
#include "tests/app/cli/run_caracal.h"
#include "tests/profiler/fake_job.h"
#include "tests/profiler/observed_job.h"

namespace caracal::profiler {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::Answer;
using test::runCaracal;
using test::runCaracalJson;
using testing::HasSubstr;

class RecordVerb : public RecorderTest {
 protected:
  RecordVerb() { ::setenv("FAKE_JOB_CUPTI", FAKE_CUPTI, 1); }

  std::string output() const { return (folder() / "run").string(); }
  std::vector<std::string> arguments(const std::vector<std::string>& command,
                                     const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all{"record", "-o", output(), "--cupti", FAKE_CUPTI};
    all.insert(all.end(), more.begin(), more.end());
    all.emplace_back("--");
    all.insert(all.end(), command.begin(), command.end());
    return all;
  }
  Answer record(const std::vector<std::string>& command,
                const std::vector<std::string>& more = {}) const {
    return runCaracal(arguments(command, more));
  }
};

TEST_F(RecordVerb, theFiguresOfARecordingAreThoseOfTheJob) {
  const Answer answer = record({FAKE_JOB, "steps", "5"});
  ASSERT_EQ(answer.exitCode, 0) << answer.err;
  EXPECT_THAT(answer.err, HasSubstr("recorded in " + output()));
  const json info = runCaracalJson({"info", output()});
  EXPECT_EQ(info["format"], "caracal") << info.dump(1);
  EXPECT_EQ(info["tag"], "measured");
  EXPECT_EQ(info["ranks"][0]["deviceName"], "Fake H200");
  const json figures = runCaracalJson({"analyze", output()});
  const json& rank = figures["ranks"][0];
  // In each of 5 steps the GEMM runs, then the all-reduce alone.
  EXPECT_EQ(rank["computeNs"], static_cast<int64_t>(5 * fake_job::kGemmNs)) << figures.dump(1);
  EXPECT_EQ(rank["commNs"], static_cast<int64_t>(5 * fake_job::kAllReduceNs));
  EXPECT_EQ(rank["exposedCommNs"], static_cast<int64_t>(5 * fake_job::kAllReduceNs));
}

TEST_F(RecordVerb, oneLogForEachProcessOfALauncherWithItsRank) {
  const std::string job = FAKE_JOB;
  const Answer answer = record(
      {"/bin/sh", "-c",
       "RANK=1 WORLD_SIZE=2 " + job + " steps 2 & RANK=0 WORLD_SIZE=2 " + job + " steps 3 & wait"},
      {"--json"});
  ASSERT_EQ(answer.exitCode, 0) << answer.err;
  const json document = json::parse(answer.out);
  ASSERT_EQ(document["processes"].size(), 2u);
  EXPECT_EQ(document["processes"][0]["rank"], 0);
  EXPECT_EQ(document["processes"][0]["kernels"], 6);
  EXPECT_EQ(document["processes"][1]["kernels"], 4);
  EXPECT_EQ(document["processes"][1]["launcher"], "torchrun");
  const json info = runCaracalJson({"info", output()});
  EXPECT_EQ(info["ranks"].size(), 2u);
  EXPECT_EQ(info["ranks"][1]["rank"], 1);
  EXPECT_EQ(info["ranks"][1]["foundBy"], "torchrun");
}

TEST_F(RecordVerb, itEndsWithTheStatusOfTheCommand) {
  EXPECT_EQ(record({FAKE_JOB, "status", "9"}).exitCode, 9);
  const Answer killed = record({"/bin/sh", "-c", "kill -TERM $$"}, {"--append"});
  EXPECT_EQ(killed.exitCode, 128 + SIGTERM);
  EXPECT_THAT(killed.err, HasSubstr("ended by signal 15"));
}

TEST_F(RecordVerb, whatCannotWorkIsSaidBeforeTheCommandStarts) {
  const Answer missing = record({"no-such-command"});
  EXPECT_EQ(missing.exitCode, 1);
  EXPECT_THAT(missing.err, HasSubstr("there is no command `no-such-command`"));
  const Answer kinds = record({"true"}, {"--kinds", "kernel,kernles"});
  EXPECT_EQ(kinds.exitCode, 1);
  EXPECT_THAT(kinds.err, HasSubstr("name some of kernel, memcpy"));
  const Answer steps = record({"true"}, {"--step-range", "9-3"});
  EXPECT_THAT(steps.err, HasSubstr("first and the last step"));
  ::setenv("FAKE_CUPTI_VERSION", "18", 1);
  const Answer version = record({"true"});
  ::unsetenv("FAKE_CUPTI_VERSION");
  EXPECT_EQ(version.exitCode, 4);
  EXPECT_THAT(version.err, HasSubstr("CUPTI v18 is found"));
}

TEST_F(RecordVerb, aFolderThatHoldsARecordingIsNotMixedWithAnother) {
  ASSERT_EQ(record({FAKE_JOB, "steps", "1"}).exitCode, 0);
  const Answer again = record({FAKE_JOB, "steps", "1"});
  EXPECT_EQ(again.exitCode, 1);
  EXPECT_THAT(again.err, HasSubstr("holds a recording already"));
  EXPECT_EQ(record({FAKE_JOB, "steps", "1"}, {"--append"}).exitCode, 0);
}

TEST_F(RecordVerb, nothingRecordedIsSaid) {
  const Answer answer = record({"true"});
  EXPECT_EQ(answer.exitCode, 0);
  EXPECT_THAT(answer.err, HasSubstr("nothing was recorded"));
}

TEST_F(RecordVerb, aBuildWithoutTheRecorderSaysSo) {
  // The program alone, without the library that CARACAL_CUDA=ON puts beside it.
  const std::string alone = (folder() / "caracal").string();
  fs::copy_file(CARACAL_BINARY_DIR "/bin/caracal", alone);
  std::string said;
  const auto code = runs::runProgram(
      {"/bin/sh", {"-c", "exec 2>&1 \"$0\" record -o \"$1\" -- true", alone, output()}, {}},
      [&](std::string_view line) { said.append(line); }, {});
  EXPECT_EQ(code.value_or(-1), 4);
  EXPECT_THAT(said, HasSubstr("this build cannot record"));
  EXPECT_THAT(said, HasSubstr("CARACAL_CUDA=ON"));
  EXPECT_FALSE(fs::exists(output()));
}

TEST_F(RecordVerb, theOptionsReachTheJob) {
  const Answer answer =
      record({FAKE_JOB, "steps", "9"}, {"--json", "--step-range", "2-4", "--kinds", "kernel,nvtx"});
  const json process = json::parse(answer.out)["processes"][0];
  EXPECT_EQ(process["kernels"], 6);
  EXPECT_EQ(process["copies"], 0);
  EXPECT_EQ(process["recordedSteps"], 3);
}

TEST_F(RecordVerb, logsOfAKilledRecorderAreReadAsTheyAre) {
  m_options.folder = output();
  fs::create_directories(output());
  {
    ObservedJob job({"hang", "4"}, environment());
    ASSERT_EQ(job.readLine(), "ready");
    job.kill(SIGKILL);
    job.wait();
  }
  const json info = runCaracalJson({"info", output()});
  EXPECT_THAT(info.dump(), HasSubstr("it ends with its last flush"));
  const json figures = runCaracalJson({"analyze", output()});
  EXPECT_EQ(figures["ranks"][0]["computeNs"], static_cast<int64_t>(4 * fake_job::kGemmNs));
}

TEST_F(RecordVerb, signalsGoToTheCommand) {
  const std::string ready = (folder() / "ready").string();
  const std::string command =
      "trap 'exit 5' TERM; touch " + ready + "; while :; do sleep 0.02; done";
  // `caracal` gets the signal, its command ends as it wants to.
  const std::string script =
      "\"$@\" & started=$!; while [ ! -e " + ready +
      " ]; do sleep 0.02; done; kill -TERM $started; wait $started; echo ended with $?";
  runs::ProgramCall shell{"/bin/sh", {"-c", script, "sh", CARACAL_BINARY_DIR "/bin/caracal"}, {}};
  const auto words = arguments({"/bin/sh", "-c", command});
  shell.arguments.insert(shell.arguments.end(), words.begin(), words.end());
  std::string said;
  ASSERT_TRUE(runs::runProgram(shell, [&](std::string_view line) { said.append(line); }, {}));
  EXPECT_EQ(said, "ended with 5");
}

}  // namespace
}  // namespace caracal::profiler
