#include "app/ui/timeline/step_bars.h"

#include <gtest/gtest.h>

namespace caracal::ui {
namespace {

std::vector<Span> stepsOf(const std::vector<int64_t>& lengths) {
  std::vector<Span> steps;
  int64_t time = 0;
  for (const int64_t length : lengths) {
    steps.push_back({time, time + length});
    time += length;
  }
  return steps;
}

TEST(StepBars, knowTheMedianAndTheFirstLongestStep) {
  const StepBars bars = stepBars(stepsOf({50, 10, 12, 50, 11}));
  EXPECT_EQ(bars.medianNs, 12);
  EXPECT_EQ(bars.worst, 0U);
  EXPECT_EQ(bars.longestNs(), 50);
  EXPECT_EQ(stepBars(stepsOf({4, 2, 3, 1})).medianNs, 2) << "of an even number the lower middle";
  EXPECT_EQ(stepBars({}).longestNs(), 0);
}

TEST(StepBars, heightsGoWithTheLengthAndNeverVanish) {
  const StepBars bars = stepBars(stepsOf({100, 50, 0}));
  EXPECT_EQ(heightOfStep(bars, 0, 40), 40);
  EXPECT_EQ(heightOfStep(bars, 1, 40), 20);
  EXPECT_EQ(heightOfStep(bars, 2, 40), 1);
}

// The slow, obvious model: the bars that begin in the column, else the one that reaches into it.
StepRange slowAtPixel(size_t steps, int x, int width) {
  StepRange found;
  for (size_t s = 0; s < steps; ++s) {
    const int left = leftOfStep(steps, s, width);
    if (left < x) found = {s, s + 1};
    if (left == x)
      found = {found.last == s && s > 0 && leftOfStep(steps, s - 1, width) == x ? found.first : s,
               s + 1};
  }
  return found;
}

TEST(StepBars, everyPixelBelongsToTheStepsDrawnThere) {
  for (const size_t steps : {1, 2, 7, 100, 999, 5000}) {
    for (const int width : {1, 64, 1000}) {
      SCOPED_TRACE(std::to_string(steps) + " steps, " + std::to_string(width) + " pixels");
      for (int x = 0; x < width; ++x)
        ASSERT_EQ(stepsAtPixel(steps, x, width), slowAtPixel(steps, x, width)) << x;
    }
  }
  EXPECT_EQ(stepsAtPixel(5, -1, 100), StepRange{});
  EXPECT_EQ(stepsAtPixel(5, 100, 100), StepRange{});
  EXPECT_EQ(stepsAtPixel(0, 3, 100), StepRange{});
}

}  // namespace
}  // namespace caracal::ui
