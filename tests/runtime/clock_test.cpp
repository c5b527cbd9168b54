// Time on the wall and on the virtual clock.
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <thread>
#include <vector>

#include "runtime/comm/channel.h"
#include "runtime/comm/clock.h"

namespace caracal::comm {
namespace {

constexpr int64_t kMs = 1'000'000;

// Two stages, two micro-batches, a link of 3 ms; forward 10 ms on both, backward 20 ms on both:
//   stage 0:  F0 0-10  F1 10-20          B0 46-66  B1 76-96
//   stage 1:  F0 13-23 B0 23-43  F1 43-53 B1 53-73
// The gradient of micro-batch 0 arrives at 43 + 3, that of 1 at 73 + 3.
TEST(VirtualClock, playsASmallScheduleAsByHand) {
  Monitor monitor;
  RunClock run(ClockKind::kVirtual);
  Channel activations(monitor, {0, 1}, {3 * kMs, 0});
  Channel gradients(monitor, {1, 0}, {3 * kMs, 0});
  std::vector<Span> first;
  std::vector<Span> second;
  const auto receive = [](Channel& channel, int m, RankClock& clock) {
    std::array<float, 1> value{};
    clock.waitUntil(channel.receive({false, 0, m}, value)->endNs);
  };
  const std::array<float, 1> message{1};
  {
    std::jthread stage0([&] {
      RankClock clock(run);
      for (int m = 0; m < 2; ++m) {
        first.push_back(clock.advance(10 * kMs));
        activations.send({false, 0, m}, message, clock.nowNs());
      }
      for (int m = 0; m < 2; ++m) {
        receive(gradients, m, clock);
        first.push_back(clock.advance(20 * kMs));
      }
    });
    std::jthread stage1([&] {
      RankClock clock(run);
      for (int m = 0; m < 2; ++m) {
        receive(activations, m, clock);
        second.push_back(clock.advance(10 * kMs));
        second.push_back(clock.advance(20 * kMs));
        gradients.send({false, 0, m}, message, clock.nowNs());
      }
    });
  }
  const auto ms = [](int64_t begin, int64_t end) { return Span{begin * kMs, end * kMs}; };
  EXPECT_EQ(first, (std::vector{ms(0, 10), ms(10, 20), ms(46, 66), ms(76, 96)}));
  EXPECT_EQ(second, (std::vector{ms(13, 23), ms(23, 43), ms(43, 53), ms(53, 73)}));
}

TEST(VirtualClock, measuresTheProcessorTimeOfTheWorkAlone) {
  RunClock run(ClockKind::kVirtual);
  RankClock clock(run);
  const Span sleeping =
      clock.measure([] { std::this_thread::sleep_for(std::chrono::milliseconds(50)); });
  EXPECT_LT(sleeping.lengthNs(), 25 * kMs);
  double sum = 0;
  const Span working = clock.measure([&sum] {
    for (int i = 1; i < 3'000'000; ++i) sum = sum + 1.0 / i;
  });
  EXPECT_GT(sum, 1.0);
  EXPECT_GT(working.lengthNs(), kMs / 10);
  EXPECT_EQ(working.beginNs, sleeping.endNs);
}

TEST(WallClock, waitsAtLeastUntilTheDeadlineAndCountsHowLate) {
  RunClock run(ClockKind::kWall);
  RankClock clock(run);
  const int64_t deadline = clock.nowNs() + 5 * kMs;
  clock.waitUntil(deadline);
  EXPECT_GE(clock.nowNs(), deadline);
  EXPECT_EQ(clock.overshoot().waits, 1);
  EXPECT_GE(clock.overshoot().worstNs, 0);
  clock.waitUntil(deadline - kMs);  // already past: no wait
  EXPECT_EQ(clock.overshoot().waits, 1);
}

TEST(WallClock, standsStillDuringExcludedTime) {
  RunClock run(ClockKind::kWall);
  const int64_t before = run.wallNowNs();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  run.excludeNs(run.wallNowNs() - before);
  EXPECT_LT(run.wallNowNs() - before, 20 * kMs);
}

// An hour's transfer ends with the run.
TEST(RankClock, waitsNoLongerThanTheRun) {
  constexpr int64_t kHour = 3'600'000 * kMs;
  StopRequest stop;
  Monitor stopped({std::chrono::minutes(10), &stop});
  Monitor failed;
  RunClock run(ClockKind::kWall);
  Result<void> ofStopped, ofFailed;
  {
    std::jthread first([&] { ofStopped = RankClock(run, &stopped).waitUntil(kHour); });
    std::jthread second([&] { ofFailed = RankClock(run, &failed).waitUntil(kHour); });
    stop.signal = SIGINT;
    stop.atOnce = true;
    failed.fail({ErrorCode::kIo, "rank 1 is gone", {}});
  }
  ASSERT_FALSE(ofStopped);
  EXPECT_EQ(ofStopped.error().code, ErrorCode::kCancelled);
  ASSERT_FALSE(ofFailed);
  EXPECT_EQ(ofFailed.error().message, "rank 1 is gone");
}

}  // namespace
}  // namespace caracal::comm
