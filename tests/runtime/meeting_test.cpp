// How ranks that are processes find each other without MPI: each a thread here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "runtime/comm/clock.h"
#include "runtime/comm/processes.h"
#include "runtime/comm/tcp_socket.h"

namespace caracal::comm {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

LaunchedRank rankOf(int32_t rank, int32_t world, int32_t port) {
  LaunchedRank self;
  self.source = Launcher::kTorchrun;
  self.rank = rank;
  self.world = world;
  self.port = port;
  return self;
}

int32_t freePort() {
  return listenOnTcp(0)->port;
}

// work(rank) on a thread for each.
template <class Work>
auto onEach(int32_t world, Work work) {
  std::vector<decltype(work(0))> results(static_cast<size_t>(world));
  std::vector<std::jthread> threads;
  for (int32_t rank = 0; rank < world; ++rank)
    threads.emplace_back([&, rank] { results[static_cast<size_t>(rank)] = work(rank); });
  threads.clear();
  return results;
}

TEST(TcpPhoneBook, givesEveryRankTheTextsOfAll) {
  const int32_t port = freePort();
  const auto books = onEach(4, [&](int32_t rank) {
    const auto book = tcpPhoneBook(rankOf(rank, 4, port), std::chrono::minutes(1));
    EXPECT_TRUE(book) << book.error().text();
    const auto first = (*book)->exchange(fmt::format("rank {}\nsecond line", rank));
    EXPECT_EQ((*book)->exchange("")->size(), 4U);
    return *first;
  });
  for (const auto& texts : books) {
    ASSERT_EQ(texts.size(), 4U);
    EXPECT_EQ(texts[3], "rank 3\nsecond line");
  }
}

TEST(TcpPhoneBook, namesTheRanksThatDidNotCome) {
  const int32_t port = freePort();
  const auto errors = onEach(2, [&](int32_t rank) {
    const auto book = tcpPhoneBook(rankOf(rank, 4, port), milliseconds(300));
    return book ? std::string() : book.error().message;
  });
  EXPECT_THAT(errors[0], HasSubstr("rank 2, 3 did not call rank 0"));
}

TEST(TcpPhoneBook, refusesRanksOfAnotherJob) {
  const int32_t port = freePort();
  const auto errors = onEach(2, [&](int32_t rank) {
    LaunchedRank self = rankOf(rank, 2, port);
    self.jobId = rank == 0 ? "a" : "b";
    const auto book = tcpPhoneBook(self, milliseconds(500));
    return book ? std::string() : book.error().message;
  });
  EXPECT_THAT(errors[0], HasSubstr("no rank of its job"));
}

TEST(TcpPhoneBook, saysThatAMachineIsUnknown) {
  LaunchedRank self = rankOf(1, 2, 20'000);
  self.address = "no-such-machine.invalid";
  const auto book = tcpPhoneBook(self, milliseconds(200));
  ASSERT_FALSE(book);
  EXPECT_THAT(book.error().message, HasSubstr("no-such-machine.invalid"));
}

struct Met {
  int64_t originNs = 0;
  std::string error;
};

std::vector<Met> meet(Reach reach, const std::vector<std::string>& machines) {
  const int32_t port = freePort();
  const auto world = static_cast<int32_t>(machines.size());
  return onEach(world, [&](int32_t rank) -> Met {
    const auto book = tcpPhoneBook(rankOf(rank, world, port), std::chrono::minutes(1));
    if (!book) return {0, book.error().message};
    Meeting meeting;
    meeting.run = "the same";
    meeting.reach = reach;
    meeting.machine = machines[static_cast<size_t>(rank)];
    meeting.linkTimeout = std::chrono::seconds(20);
    auto processes = joinProcesses(**book, meeting);
    if (!processes) return {0, processes.error().message};
    Monitor monitor;
    std::atomic<int> received{0};
    processes->wire->listen(7, [&](int32_t, const Parcel&) { ++received; });
    processes->wire->start(monitor);
    for (int32_t to = 0; to < world; ++to)
      if (to != rank) processes->wire->post(to, {7, {}, {}});
    for (int tries = 0; received < world - 1 && tries < 5000; ++tries)
      std::this_thread::sleep_for(milliseconds(1));
    EXPECT_EQ(received, world - 1) << "rank " << rank;
    processes->wire->finish();
    return {processes->originNs, ""};
  });
}

// Machines that differ by name only: their clocks are one, and so must be the origins found.
TEST(Meeting, ranksOfSeveralMachinesAreConnectedByTcpAndShareAClock) {
  for (const Met& met : meet(Reach::kNetwork, {"a", "b", "a"})) {
    EXPECT_EQ(met.error, "");
    EXPECT_GT(met.originNs, 0);
    EXPECT_LT(std::abs(met.originNs - monotonicNs()), int64_t{60'000'000'000});
  }
}

TEST(Meeting, ranksOfOneMachineHaveTheSameOrigin) {
  const auto met = meet(Reach::kNetwork, {"a", "a", "a"});
  for (const Met& one : met) EXPECT_EQ(one.error, "");
  EXPECT_EQ(met[1].originNs, met[0].originNs);
  EXPECT_EQ(met[2].originNs, met[0].originNs);
}

TEST(Meeting, severalMachinesAreRefusedWhereClocksMustBeOne) {
  for (const Met& met : meet(Reach::kOneMachine, {"a", "b"}))
    EXPECT_THAT(met.error, HasSubstr("rank 1 is on another machine"));
}

}  // namespace
}  // namespace caracal::comm
