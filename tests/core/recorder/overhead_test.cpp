#include "core/recorder/overhead.h"

#include <gtest/gtest.h>

#include <string_view>

namespace caracal::recorder {
namespace {

// Steps drawn as letters: x collected (110 ns), . not (100 ns); the step after a switch takes 500.
std::vector<StepRecord> drawn(std::string_view picture) {
  std::vector<StepRecord> steps;
  int64_t time = 0;
  for (size_t i = 0; i < picture.size(); ++i) {
    steps.push_back({{}, time, static_cast<int64_t>(i), picture[i] == 'x' ? 1u : 0u, 0});
    const bool isSwitch = i == 0 || picture[i] != picture[i - 1];
    time += isSwitch ? 500 : picture[i] == 'x' ? 110 : 100;
  }
  return steps;
}

TEST(RecorderOverhead, isTheDifferenceOfMediansWithoutTheStepsThatSwitch) {
  const auto overhead = measuredOverhead(drawn("xxxx....xxxx....xxxx"));
  ASSERT_TRUE(overhead);
  EXPECT_EQ(overhead->onNs, 110);
  EXPECT_EQ(overhead->offNs, 100);
  EXPECT_EQ(overhead->onSteps, 8);  // the last step has no end
  EXPECT_EQ(overhead->offSteps, 6);
  EXPECT_DOUBLE_EQ(overhead->percent(), 10.0);
}

TEST(RecorderOverhead, comparesWithStepsNearTheCollectedOnesOnly) {
  auto steps = drawn("....................xxxxx");
  steps.push_back({{}, steps.back().timeNs + 110, 25, 1, 0});
  const auto overhead = measuredOverhead(steps);
  ASSERT_TRUE(overhead);
  EXPECT_EQ(overhead->offSteps, 6);  // as many as were collected
}

TEST(RecorderOverhead, isNotMeasuredFromTooFewSteps) {
  EXPECT_FALSE(measuredOverhead({}));
  EXPECT_FALSE(measuredOverhead(drawn("xxxxxxxxxx")));
  EXPECT_FALSE(measuredOverhead(drawn("..........")));
  EXPECT_FALSE(measuredOverhead(drawn("xxx...xxxxxxx")));
}

}  // namespace
}  // namespace caracal::recorder
