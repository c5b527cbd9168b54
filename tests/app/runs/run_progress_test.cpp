#include "app/runs/run_progress.h"

#include <gtest/gtest.h>

namespace caracal::runs {
namespace {

TEST(RunLine, tellsAStepWithTheMemoryOfEveryRank) {
  const RunEvent event = parseRunLine(
      R"({"event":"step","step":1,"loss":4.5,"stepNs":100,"peakBytes":30,"rankPeakBytes":[10,30]})");
  const auto* step = std::get_if<RunStep>(&event);
  ASSERT_NE(step, nullptr);
  EXPECT_EQ(step->step, 1);
  EXPECT_EQ(step->loss, 4.5);
  EXPECT_EQ(step->stepNs, 100);
  EXPECT_EQ(step->rankPeakBytes, (std::vector<int64_t>{10, 30}));
  EXPECT_EQ(stepWords(*step, 4), "step 2 of 4, loss 4.500");
}

TEST(RunLine, tellsStartEndWarningsAndErrors) {
  const auto start = std::get<RunStart>(parseRunLine(
      R"({"event":"start","clock":"virtual","tag":"emulated","policy":"heu","ranks":4,"steps":3})"));
  EXPECT_EQ(start.clock, "virtual");
  EXPECT_EQ(start.tag, "emulated");
  EXPECT_EQ(start.steps, 3);
  EXPECT_TRUE(std::get<RunEnd>(parseRunLine(R"({"event":"end","steps":2,"stopped":"signal"})"))
                  .stoppedBySignal);
  EXPECT_EQ(std::get<RunWarning>(parseRunLine(R"({"event":"warning","message":"slow"})")).message,
            "slow");
  EXPECT_EQ(std::get<RunError>(parseRunLine(R"({"event":"error","message":"disk full"})")).message,
            "disk full");
}

TEST(RunLine, noiseIsNoEvent) {
  for (const char* line : {"", "Segmentation fault", "[1,2]", "{}", R"({"event":"later"})",
                           R"({"event":7})", R"({"event":"st)"}) {
    EXPECT_TRUE(std::holds_alternative<std::monostate>(parseRunLine(line))) << line;
  }
  // Members of another type read as nothing.
  const auto step = std::get<RunStep>(
      parseRunLine(R"({"event":"step","step":"one","loss":null,"rankPeakBytes":["x"]})"));
  EXPECT_EQ(step.step, 0);
  EXPECT_EQ(step.rankPeakBytes, std::vector<int64_t>{0});
}

}  // namespace
}  // namespace caracal::runs
