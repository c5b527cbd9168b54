#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

#include "runtime/comm/all_reduce.h"
#include "runtime/comm/channel.h"
#include "runtime/comm/clock.h"
#include "runtime/comm/link.h"
#include "runtime/comm/network.h"
#include "runtime/comm/step_barrier.h"

namespace caracal::comm {
namespace {

constexpr int64_t kMs = 1'000'000;

TEST(Link, takesLatencyPlusBytesOverBandwidth) {
  EXPECT_EQ(transferNs({200'000, 1e9}, 1'000'000), 1'200'000);
  EXPECT_EQ(transferNs({200'000, 0}, 1'000'000), 200'000);
  EXPECT_EQ(ringAllReduceBytes(1000, 2), 1000);
  EXPECT_EQ(ringAllReduceBytes(1000, 4), 1500);
  EXPECT_EQ(ringAllReduceBytes(1000, 1), 0);
}

TEST(ReduceGroup, sumsInMemberOrderForEverybody) {
  Monitor monitor;
  ReduceGroup group(monitor, {"tensor-parallel", {0, 1, 2}}, {});
  // In member order (1e8 + 1) - 1e8 is 0 in fp32; any other order would leave the 1.
  const std::array<float, 3> values{1e8F, 1.0F, -1e8F};
  std::array<uint64_t, 3> numbers{};
  for (int32_t member : {2, 0, 1}) {
    numbers[static_cast<size_t>(member)] =
        group.enter(member, {&values[static_cast<size_t>(member)], 1}, 0);
  }
  for (size_t member = 0; member < 3; ++member) {
    float sum = 7;
    ASSERT_TRUE(group.collect(numbers[member], {&sum, 1}));
    EXPECT_EQ(sum, 0.0F);
  }
}

TEST(ReduceGroup, transferStartsWithTheLastMemberAndFollowsThePreviousOne) {
  Monitor monitor;
  ReduceGroup group(monitor, {"tensor-parallel", {0, 1}}, {1 * kMs, 1e9});
  const std::vector<float> values(250'000);  // 1 MB: 1 ms on the wire besides 1 ms latency
  std::vector<float> sum(values.size());
  const auto transferAfter = [&](int64_t firstEntry, int64_t secondEntry) {
    const uint64_t number = group.enter(0, values, firstEntry);
    group.enter(1, values, secondEntry);
    const auto transfer = group.collect(number, sum);
    EXPECT_TRUE(group.collect(number, sum));
    return *transfer;
  };
  const Transfer first = transferAfter(10 * kMs, 14 * kMs);
  EXPECT_EQ(first.beginNs, 14 * kMs);
  EXPECT_EQ(first.endNs, 16 * kMs);
  const Transfer second = transferAfter(15 * kMs, 15 * kMs);
  EXPECT_EQ(second.beginNs, 16 * kMs);
  EXPECT_EQ(second.endNs, 18 * kMs);
}

TEST(ReduceGroup, aFailedRunWakesThoseWhoWait) {
  Monitor monitor;
  ReduceGroup group(monitor, {"tensor-parallel", {0, 1}}, {});
  const std::vector<float> values(4);
  const uint64_t number = group.enter(0, values, 0);
  std::jthread failing([&] { monitor.fail({ErrorCode::kIo, "rank 1 is gone", {}}); });
  std::vector<float> sum(4);
  const auto result = group.collect(number, sum);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "rank 1 is gone");
}

TEST(Channel, handsOutMessagesByNameAndSaysWhenTheyTravel) {
  Monitor monitor;
  Channel channel(monitor, {0, 1}, {kMs, 4e6});
  const std::array<float, 1> a{1};
  const std::array<float, 1> b{2};
  channel.send({false, 1, 0}, a, 100);
  channel.send({true, 1, 0}, b, 200);
  std::array<float, 1> received{};
  ASSERT_TRUE(channel.receive({true, 1, 0}, received));
  EXPECT_EQ(received[0], 2.0F);
  const auto first = channel.receive({false, 1, 0}, received);
  ASSERT_TRUE(first);
  EXPECT_EQ(received[0], 1.0F);
  EXPECT_EQ(first->beginNs, 100);
  EXPECT_EQ(first->endNs, 100 + kMs + 1000);  // 4 bytes at 4 MB/s
}

TEST(StepBarrier, theLastToArriveDecidesForAll) {
  Monitor monitor;
  StepBarrier barrier(monitor, 3);
  std::atomic<int> seen{0};
  const auto decide = [](const std::vector<Bytes>& handedIn) -> Result<Bytes> {
    Bytes all;
    for (const Bytes& bytes : handedIn) all.insert(all.end(), bytes.begin(), bytes.end());
    return all;
  };
  {
    std::vector<std::jthread> ranks;
    for (int32_t rank = 0; rank < 3; ++rank) {
      ranks.emplace_back([&, rank] {
        for (int round = 0; round < 50; ++round) {
          const auto value = [round](int32_t of) { return std::byte(3 * round + of); };
          const auto decided = barrier.arrive(rank, {value(rank)}, decide);
          if (decided && *decided == Bytes{value(0), value(1), value(2)}) ++seen;
        }
      });
    }
  }
  EXPECT_EQ(seen, 150);
}

TEST(StepBarrier, failureOfTheDecisionReachesAllRanks) {
  Monitor monitor;
  StepBarrier barrier(monitor, 2);
  std::atomic<int> failures{0};
  {
    std::vector<std::jthread> ranks;
    for (int32_t rank = 0; rank < 2; ++rank) {
      ranks.emplace_back([&, rank] {
        const auto arrived = barrier.arrive(rank, {}, [](const auto&) -> Result<Bytes> {
          return fail(ErrorCode::kIo, "disk full");
        });
        if (!arrived && arrived.error().message == "disk full") ++failures;
      });
    }
  }
  EXPECT_EQ(failures, 2);
}

TEST(Monitor, aWaitEndsWithTheTimeoutAndNamesWhoDidNotCome) {
  Monitor monitor({std::chrono::milliseconds(20), nullptr});
  ReduceGroup group(monitor, {"tensor-parallel", {4, 5, 6}}, {});
  std::vector<float> values(1);
  group.enter(2, values, 0);
  const auto sum = group.collect(group.enter(0, values, 0), values);
  ASSERT_FALSE(sum);
  EXPECT_EQ(sum.error().message,
            "the tensor-parallel link of ranks 4, 5, 6 stalled: rank 5 did not come to collective "
            "0 and did nothing for 0.02 s; if they only are slow, give a longer --link-timeout");
  Channel channel(monitor, {2, 3}, {});
  const auto message = channel.receive({true, 1, 7}, values);
  ASSERT_FALSE(message);
  EXPECT_NE(message.error().message.find("from rank 2 stalled"), std::string::npos);
  EXPECT_NE(message.error().message.find("gradient of micro-batch 7"), std::string::npos);
  StepBarrier barrier(monitor, 2);
  const auto met = barrier.arrive(1, {}, nullptr);
  ASSERT_FALSE(met);
  EXPECT_NE(met.error().message.find("rank 0 did not come to the end of the step"),
            std::string::npos);
}

TEST(Monitor, aStopRequestEndsWaitsAndWork) {
  StopRequest request;
  Monitor monitor({std::chrono::minutes(10), &request});
  EXPECT_TRUE(monitor.check());
  Channel channel(monitor, {0, 1}, {});
  std::jthread stopping([&] {
    request.signal = SIGTERM;
    request.atOnce = true;
  });
  std::vector<float> values(1);
  const auto message = channel.receive({}, values);
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().code, ErrorCode::kCancelled);
  EXPECT_NE(message.error().message.find("Terminated"), std::string::npos);
  EXPECT_FALSE(monitor.check());
}

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

TEST(Layout, tensorRanksAreNeighboursAndStagesOutermost) {
  profile::ParallelShape parallel;
  parallel.tensor = 2;
  parallel.data = 3;
  parallel.pipeline = 2;
  EXPECT_EQ(positionOf(parallel, 1), (Position{1, 0, 1, 0}));
  EXPECT_EQ(positionOf(parallel, 2), (Position{2, 0, 0, 1}));
  EXPECT_EQ(positionOf(parallel, 9), (Position{9, 1, 1, 1}));
}

TEST(Network, connectsEveryPositionOfThePipelineWithTheOthers) {
  Monitor monitor;
  profile::ParallelShape parallel;
  parallel.tensor = 2;
  parallel.pipeline = 2;
  parallel.data = 2;
  const Network network(monitor, parallel, {});
  const RankLinks first = network.linksOf(positionOf(parallel, 1));
  const RankLinks second = network.linksOf(positionOf(parallel, 5));  // the next stage of rank 1
  EXPECT_EQ(first.to[0], nullptr);
  EXPECT_EQ(first.from[0], nullptr);
  EXPECT_EQ(first.to[1], second.from[0]);
  EXPECT_EQ(first.from[1], second.to[0]);
  EXPECT_NE(first.to[1], first.from[1]);
  EXPECT_EQ(first.tensor, network.linksOf(positionOf(parallel, 0)).tensor);
  EXPECT_EQ(first.data, network.linksOf(positionOf(parallel, 3)).data);
  EXPECT_NE(first.tensor, network.linksOf(positionOf(parallel, 2)).tensor);
}

}  // namespace
}  // namespace caracal::comm
