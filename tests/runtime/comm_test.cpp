#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "runtime/comm/channel.h"
#include "runtime/comm/link.h"
#include "runtime/comm/network.h"
#include "runtime/comm/reduce_group.h"
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
  EXPECT_EQ(ringBytes(Pattern::kAllReduce, 1000, 4), 1500);
  EXPECT_EQ(ringBytes(Pattern::kAllGather, 1000, 4), 750);
  EXPECT_EQ(ringBytes(Pattern::kReduceScatter, 1001, 4), 751);
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

TEST(ReduceGroup, scattersTheSumAndGathersPartsThatDoNotDivide) {
  Monitor monitor;
  ReduceGroup group(monitor, {"data-parallel", {0, 1, 2}}, {0, 4e9});
  const std::array<std::vector<float>, 3> values{
      {{1, 2, 3, 4, 5}, {10, 20, 30, 40, 50}, {100, 200, 300, 400, 500}}};
  uint64_t number = 0;
  for (int32_t member = 0; member < 3; ++member)
    number = group.enter(member, values[static_cast<size_t>(member)], 0, Pattern::kReduceScatter);
  const std::array<std::vector<float>, 3> expected{{{111, 222}, {333, 444}, {555}}};
  for (int32_t member = 0; member < 3; ++member) {
    std::vector<float> part(partOf(5, member, 3).count);
    const auto transfer = group.collect(number, part, member);
    ASSERT_TRUE(transfer);
    EXPECT_EQ(part, expected[static_cast<size_t>(member)]);
    EXPECT_EQ(transfer->endNs - transfer->beginNs, 4) << "2/3 of 20 bytes, rounded up, at 4 GB/s";
  }
  for (int32_t member = 0; member < 3; ++member)
    number = group.enter(member, expected[static_cast<size_t>(member)], 0, Pattern::kAllGather);
  for (int32_t member = 0; member < 3; ++member) {
    std::vector<float> whole(5);
    ASSERT_TRUE(group.collect(number, whole, member));
    EXPECT_EQ(whole, (std::vector<float>{111, 222, 333, 444, 555}));
  }
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
