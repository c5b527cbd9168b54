#include "app/ui/timeline/time_view.h"

#include <gtest/gtest.h>

#include "app/ui/timeline/ruler.h"

namespace caracal::ui {
namespace {

constexpr Span kDay{1'700'000'000'000'000'000,
                    1'700'000'086'400'000'000};  // epoch times stay exact

TEST(TimeView, zoomKeepsTheTimeUnderTheCursor) {
  const TimeView view = show(kDay, 1920);
  for (const double anchor : {0.0, 13.0, 960.0, 1919.0}) {
    const int64_t before = view.timeAt(anchor);
    const TimeView closer = zoomed(view, 0.25, anchor, kDay);
    EXPECT_NEAR(static_cast<double>(closer.timeAt(anchor) - before), 0.0, closer.nsPerPixel + 1);
    EXPECT_DOUBLE_EQ(closer.nsPerPixel, view.nsPerPixel * 0.25);
  }
}

TEST(TimeView, zoomStopsAtTheFinestAndTheCoarsestScale) {
  TimeView view = show(kDay, 1000);
  for (int i = 0; i < 200; ++i) view = zoomed(view, 0.5, 500, kDay);
  EXPECT_DOUBLE_EQ(view.nsPerPixel, kFinestNsPerPixel);
  for (int i = 0; i < 200; ++i) view = zoomed(view, 2.0, 500, kDay);
  EXPECT_LE(view.nsPerPixel * 1000, 5.01 * static_cast<double>(kDay.lengthNs()));
}

TEST(TimeView, panningNeverLosesTheTrace) {
  TimeView view = show(kDay, 1000);
  for (int i = 0; i < 50; ++i) view = panned(view, 5000, kDay);
  EXPECT_LT(view.span().beginNs, kDay.endNs);
  for (int i = 0; i < 100; ++i) view = panned(view, -5000, kDay);
  EXPECT_GT(view.span().endNs, kDay.beginNs);
}

TEST(TimeView, revealingMovesOnlyWhenNeeded) {
  const TimeView view = show({0, 1000}, 100);
  EXPECT_EQ(revealing(view, {100, 200}), view);
  const TimeView moved = revealing(view, {5000, 5100});
  EXPECT_DOUBLE_EQ(moved.nsPerPixel, view.nsPerPixel);
  EXPECT_LE(moved.span().beginNs, 5000);
  EXPECT_GE(moved.span().endNs, 5100);
}

TEST(TimeView, anEmptyTraceCanBeShown) {
  const TimeView view = fit({0, 0}, 800);
  EXPECT_GT(view.nsPerPixel, 0);
  EXPECT_FALSE(ticks(view, 100).empty());
}

TEST(Ticks, areRoundAndFarEnoughApart) {
  for (const double nsPerPixel : {0.05, 0.7, 3.0, 1234.0, 8.8e6, 4.4e9}) {
    TimeView view;
    view.nsPerPixel = nsPerPixel;
    view.width = 1000;
    const int64_t step = majorStep(view, 110);
    EXPECT_GE(static_cast<double>(step) / nsPerPixel, 109.0);
    int64_t leading = step;
    while (leading % 10 == 0) leading /= 10;
    EXPECT_TRUE(leading == 1 || leading == 2 || leading == 5) << step;
    for (const Tick& tick : ticks(view, 110)) EXPECT_EQ(tick.major, tick.timeNs % step == 0);
  }
}

TEST(Ticks, labelsTellNeighboursApart) {
  EXPECT_EQ(tickLabel(12'000'000, 2'000'000), "12 ms");
  EXPECT_EQ(tickLabel(12'200'000, 200'000), "12.2 ms");
  EXPECT_EQ(tickLabel(1'500'000'000, 500'000'000), "1.5 s");
  EXPECT_EQ(tickLabel(70, 5), "70 ns");
  EXPECT_EQ(tickLabel(-3'000, 1'000), "-3 us");
}

TEST(ViewHistory, walksBackAndForthAndForgetsTheFutureOnANewView) {
  ViewHistory history;
  const TimeView a = show({0, 100}, 10), b = show({0, 200}, 10), c = show({0, 300}, 10);
  history.push(a, ViewHistory::Gesture::kNew);
  history.push(b, ViewHistory::Gesture::kNew);
  ASSERT_NE(history.back(), nullptr);
  EXPECT_EQ(history.back(), nullptr);
  ASSERT_NE(history.forward(), nullptr);
  EXPECT_EQ(*history.back(), a);
  history.push(c, ViewHistory::Gesture::kNew);
  EXPECT_EQ(history.forward(), nullptr);
  EXPECT_EQ(*history.back(), a);
}

TEST(ViewHistory, aGestureIsOneEntry) {
  ViewHistory history;
  history.push(show({0, 100}, 10), ViewHistory::Gesture::kNew);
  history.push(show({0, 90}, 10), ViewHistory::Gesture::kNew);
  for (int64_t end = 80; end > 20; end -= 10)
    history.push(show({0, end}, 10), ViewHistory::Gesture::kContinues);
  ASSERT_NE(history.back(), nullptr);
  EXPECT_EQ(history.back(), nullptr);
}

}  // namespace
}  // namespace caracal::ui
