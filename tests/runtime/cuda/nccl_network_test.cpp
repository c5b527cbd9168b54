#include "runtime/cuda/nccl_network.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "core/plan/program.h"

namespace caracal::cuda {
namespace {

TEST(RingRounds, connectEveryRankWithItsNeighboursOnceInEachDirection) {
  for (int32_t positions = 2; positions < 10; ++positions) {
    std::set<Direction> expected;
    for (int32_t from = 0; from < positions; ++from) {
      expected.insert({from, (from + 1) % positions});
      expected.insert({from, (from + positions - 1) % positions});
    }
    std::multiset<Direction> made;
    for (const auto& round : ringRounds(positions)) made.insert(round.begin(), round.end());
    EXPECT_EQ(std::set<Direction>(made.begin(), made.end()), expected) << positions;
    EXPECT_EQ(made.size(), expected.size()) << positions;
  }
}

// Every schedule that caracal-run runs, however it places its chunks.
TEST(RingRounds, connectWhateverSchedulesSend) {
  for (const std::string name : {"1F1B", "gpipe", "interleaved:2", "interleaved:3", "zb-h1",
                                 "zb-h2", "zb-v", "v-half", "v-min"}) {
    for (int32_t positions = 2; positions < 8; ++positions) {
      std::set<Direction> made;
      for (const auto& round : ringRounds(positions)) made.insert(round.begin(), round.end());
      const auto schedule = plan::makeSchedule(name, positions, 2 * positions);
      ASSERT_TRUE(schedule) << name << ": " << schedule.error().text();
      for (int32_t own = 0; own < positions; ++own) {
        for (const plan::HeldChunk& chunk : plan::emptyProgram(*schedule, own).chunks) {
          for (const int32_t other : {chunk.before, chunk.after}) {
            if (other < 0 || other == own) continue;
            EXPECT_TRUE(made.contains({own, other}) && made.contains({other, own}))
                << name << ": " << own << " and " << other << " of " << positions;
          }
        }
      }
    }
  }
}

// A rank is in one communicator of a split, and the number of splits does not grow with the ring.
TEST(RingRounds, areFewAndUseNobodyTwice) {
  for (int32_t positions = 2; positions < 10; ++positions) {
    const auto rounds = ringRounds(positions);
    EXPECT_LE(rounds.size(), 6U) << positions;
    for (const auto& round : rounds) {
      std::set<int32_t> used;
      for (const auto& [from, to] : round) {
        EXPECT_TRUE(used.insert(from).second);
        EXPECT_TRUE(used.insert(to).second);
      }
    }
  }
}

}  // namespace
}  // namespace caracal::cuda
