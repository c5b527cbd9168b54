#include "core/recorder/clock_map.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/recorder/log_conversion.h"

namespace caracal::recorder {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
using Points = std::vector<ClockPoint>;

TEST(ClockMap, anOffsetChangesNoDistance) {
  const ClockMap map(100);
  EXPECT_EQ(map(100), 0);
  EXPECT_EQ(map(40), -60);
  EXPECT_EQ(map(1'000'100), 1'000'000);
  EXPECT_FALSE(map.followsRealtime());
}

TEST(ClockMap, followsTheRealTimeFromAnchorToAnchor) {
  // 20 ppm fast for ten seconds, then 40 ppm slow.
  const ClockMap map(Points{{5 * kSecond, 1000 * kSecond},
                            {15 * kSecond, 1010 * kSecond + 200'000},
                            {25 * kSecond, 1020 * kSecond - 200'000}});
  EXPECT_TRUE(map.followsRealtime());
  EXPECT_EQ(map(5 * kSecond), 0);
  EXPECT_EQ(map(10 * kSecond), 5 * kSecond + 100'000);
  EXPECT_EQ(map(15 * kSecond), 10 * kSecond + 200'000);
  EXPECT_EQ(map(20 * kSecond), 15 * kSecond);
  EXPECT_EQ(map(25 * kSecond), 20 * kSecond - 200'000);
  // Beyond the anchors as between the nearest two.
  EXPECT_EQ(map(0), -5 * kSecond - 100'000);
  EXPECT_EQ(map(30 * kSecond), 25 * kSecond - 400'000);
}

TEST(ClockMap, aClockThatWasSetMovesNothing) {
  const ClockMap map(
      Points{{0, 0}, {10 * kSecond, 3610 * kSecond}, {20 * kSecond, 3620 * kSecond}});
  for (int64_t time = 0; time < 25 * kSecond; time += kSecond / 2) EXPECT_EQ(map(time), time);
}

TEST(ClockMap, takesAnchorsInAnyOrderAndTwice) {
  const ClockMap sorted(Points{{0, 0}, {kSecond, kSecond + 50}, {2 * kSecond, 2 * kSecond}});
  const ClockMap mixed(
      Points{{2 * kSecond, 2 * kSecond}, {0, 0}, {kSecond, kSecond + 50}, {kSecond, kSecond + 50}});
  for (int64_t time = -kSecond; time < 3 * kSecond; time += kSecond / 10)
    EXPECT_EQ(mixed(time), sorted(time));
  EXPECT_EQ(ClockMap(Points{{7, 100}})(10), 3);
}

}  // namespace
}  // namespace caracal::recorder
