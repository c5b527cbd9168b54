#include "app/runs/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace caracal::runs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Outcome {
  Result<int> code;
  std::vector<std::string> lines;
};

Outcome runShell(const std::string& script, std::vector<std::string> environment = {},
                 std::stop_token stop = {}) {
  std::vector<std::string> lines;
  auto code = runProgram(
      {"/bin/sh", {"-c", script}, std::move(environment)},
      [&](std::string_view line) { lines.emplace_back(line); }, stop);
  return {code, lines};
}

TEST(RunProgram, handsOverLinesAndTheExitCode) {
  const Outcome outcome = runShell("echo one; echo two; printf three; exit 7");
  EXPECT_EQ(outcome.code.value(), 7);
  EXPECT_THAT(outcome.lines, ElementsAre("one", "two", "three"));
}

TEST(RunProgram, addsToTheEnvironment) {
  EXPECT_THAT(runShell("echo $CARACAL_TEST_WORD", {"CARACAL_TEST_WORD=lynx"}).lines,
              ElementsAre("lynx"));
}

TEST(RunProgram, saysWhichSignalEndedAProgram) {
  const Outcome outcome = runShell("kill -9 $$");
  ASSERT_FALSE(outcome.code);
  EXPECT_THAT(outcome.code.error().message, HasSubstr("signal 9"));
}

TEST(RunProgram, passesAStopRequestOnAsAnInterrupt) {
  std::stop_source source;
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    source.request_stop();
  });
  const Outcome outcome = runShell("trap 'echo ended; exit 5' INT; while :; do sleep 0.05; done",
                                   {}, source.get_token());
  EXPECT_EQ(outcome.code.value_or(-1), 5);
  EXPECT_THAT(outcome.lines, ElementsAre("ended"));
}

TEST(RunProgram, refusesWhatCannotBeStarted) {
  const auto code = runProgram({"/nowhere/caracal-run", {}, {}}, [](std::string_view) {}, {});
  ASSERT_FALSE(code);
  EXPECT_THAT(code.error().message, HasSubstr("/nowhere/caracal-run"));
}

TEST(FindProgram, saysWhereItLookedAndWhatMakesIt) {
  const auto path = findProgram("caracal-no-such-program");
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(path.error().message, HasSubstr("./dev build"));
}

}  // namespace
}  // namespace caracal::runs
