// Two processes' worth of a run in one: each side of a socket pair has its own groups and channels.
#include "runtime/comm/socket_wire.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <numeric>

#include "runtime/comm/network.h"
#include "runtime/comm/step_barrier.h"

namespace caracal::comm {
namespace {

// A rank of a tensor-parallel pair, as it sees the run.
struct Side {
  Side(int32_t rank, FileDescriptor socket, std::chrono::nanoseconds timeout)
      : monitor({timeout, nullptr}) {
    std::vector<FileDescriptor> sockets(2);
    sockets[static_cast<size_t>(1 - rank)] = std::move(socket);
    wire = std::make_unique<SocketWire>(rank, std::move(sockets), timeout);
    profile::ParallelShape parallel;
    parallel.tensor = 2;
    network = std::make_unique<Network>(monitor, parallel, LinkSpeeds{}, wire.get());
    barrier = std::make_unique<StepBarrier>(monitor, 2, wire.get());
    group = network->linksOf(positionOf(parallel, rank)).tensor;
    wire->start(monitor);
  }
  ~Side() {
    if (wire) wire->finish();
  }
  Monitor monitor;
  std::unique_ptr<SocketWire> wire;
  std::unique_ptr<Network> network;
  std::unique_ptr<StepBarrier> barrier;
  ReduceGroup* group = nullptr;
};

class SocketWireTest : public testing::Test {
 protected:
  explicit SocketWireTest(std::chrono::nanoseconds timeout = std::chrono::minutes(1)) {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    for (int32_t rank = 0; rank < 2; ++rank)
      sides.push_back(
          std::make_unique<Side>(rank, FileDescriptor(ends[static_cast<size_t>(rank)]), timeout));
  }
  // Both at once: each waits for the other to be done.
  void TearDown() override {
    std::jthread other([this] { sides[1]->wire->finish(); });
    sides[0]->wire->finish();
  }
  std::vector<std::unique_ptr<Side>> sides;
};

// Larger than a socket's buffer, so that parcels come in pieces.
TEST_F(SocketWireTest, bothSidesComeToTheSameSumsAndTransfers) {
  constexpr size_t kCount = 300'000;
  std::vector<Transfer> transfers[2];
  std::vector<std::jthread> ranks;
  for (int32_t rank = 0; rank < 2; ++rank) {
    ranks.emplace_back([&, rank] {
      for (int round = 0; round < 5; ++round) {
        std::vector<float> values(kCount);
        std::iota(values.begin(), values.end(), static_cast<float>(rank + round));
        ReduceGroup& group = *sides[static_cast<size_t>(rank)]->group;
        const auto transfer = group.collect(group.enter(rank, values, 10 * round + rank), values);
        ASSERT_TRUE(transfer) << transfer.error().text();
        transfers[rank].push_back(*transfer);
        EXPECT_EQ(values[7], static_cast<float>(2 * 7 + 1 + 2 * round));
        EXPECT_EQ(values[kCount - 1], static_cast<float>(2 * (kCount - 1) + 1 + 2 * round));
      }
    });
  }
  ranks.clear();
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(transfers[0][i].beginNs, transfers[1][i].beginNs);
    EXPECT_EQ(transfers[0][i].endNs, transfers[1][i].endNs);
  }
}

TEST_F(SocketWireTest, rankZeroDecidesForBoth) {
  std::vector<std::jthread> ranks;
  for (int32_t rank = 0; rank < 2; ++rank) {
    ranks.emplace_back([&, rank] {
      for (int round = 0; round < 20; ++round) {
        const auto decided = sides[static_cast<size_t>(rank)]->barrier->arrive(
            rank, {std::byte(rank), std::byte(round)},
            [&](const std::vector<Bytes>& handedIn) -> Result<Bytes> {
              EXPECT_EQ(rank, 0);
              return Bytes{handedIn[1][0], handedIn[1][1], std::byte(7)};
            });
        ASSERT_TRUE(decided) << decided.error().text();
        EXPECT_EQ(*decided, (Bytes{std::byte(1), std::byte(round), std::byte(7)}));
      }
    });
  }
}

TEST_F(SocketWireTest, aFailureIsToldToTheOthers) {
  sides[1]->wire->tellFailure({ErrorCode::kOutOfMemory, "no memory", "rank 1"});
  std::vector<float> values(4);
  const auto sum = sides[0]->group->collect(sides[0]->group->enter(0, values, 0), values);
  ASSERT_FALSE(sum);
  EXPECT_EQ(sum.error(), (Error{ErrorCode::kOutOfMemory, "rank 1: no memory", {}}));
}

TEST_F(SocketWireTest, whoIsDoneIsNotMissedBeforeSomebodyWaitsForIt) {
  std::jthread leaving([&] { sides[1]->wire->finish(); });
  sides[0]->wire->finish();
  EXPECT_FALSE(sides[0]->monitor.failure());
}

TEST(SocketWire, anEndWithoutAWordFailsTheRun) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  Side side(0, FileDescriptor(ends[0]), std::chrono::minutes(1));
  ::close(ends[1]);
  std::vector<float> values(4);
  const auto sum = side.group->collect(side.group->enter(0, values, 0), values);
  ASSERT_FALSE(sum);
  EXPECT_NE(sum.error().message.find("rank 1 is gone"), std::string::npos) << sum.error().text();
  EXPECT_TRUE(side.wire->isLowest());
}

TEST(SocketWire, aProcessThatStandsStillFailsTheRun) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const FileDescriptor other(ends[1]);
  Side side(0, FileDescriptor(ends[0]), std::chrono::milliseconds(400));
  std::vector<float> values(4);
  const auto sum = side.group->collect(side.group->enter(0, values, 0), values);
  ASSERT_FALSE(sum);
  EXPECT_NE(sum.error().message.find("rank 1 stands still"), std::string::npos)
      << sum.error().text();
}

// Whichever is noticed first: that the other side takes nothing, or that it says nothing.
TEST(SocketWire, aFullConnectionHoldsNobodyForEver) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const FileDescriptor other(ends[1]);
  Side side(0, FileDescriptor(ends[0]), std::chrono::milliseconds(50));
  const std::vector<float> values(1 << 22);
  side.group->enter(0, values, 0);
  const auto failure = side.monitor.failure();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->message.find("rank 1 "), 0U) << failure->text();
}

}  // namespace
}  // namespace caracal::comm
