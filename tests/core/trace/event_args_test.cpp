// Arguments while events are collected: every value comes back, equal ones are held once.
#include <gtest/gtest.h>

#include <random>

#include "core/trace/event_args.h"

namespace caracal::trace {
namespace {

// Often a default, a small number or one of the largest.
int64_t anyNumber(std::mt19937_64& random, int64_t least, int64_t most, int64_t usual) {
  switch (random() % 6) {
    case 0:
      return least;
    case 1:
      return most;
    case 2:
      return std::min<int64_t>(most, static_cast<int64_t>(random() % 300));
    default:
      return usual;
  }
}

EventArgs anyArgs(std::mt19937_64& random) {
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min(),
                    kMost = std::numeric_limits<int64_t>::max();
  const auto small = [&] {
    return static_cast<int32_t>(anyNumber(random, std::numeric_limits<int32_t>::min(),
                                          std::numeric_limits<int32_t>::max(), -1));
  };
  EventArgs args;
  args.bytes = anyNumber(random, kLeast, kMost, -1);
  args.sequence = anyNumber(random, kLeast, kMost, -1);
  args.externalId = static_cast<uint64_t>(anyNumber(random, kLeast, kMost, 0));
  args.group = static_cast<uint32_t>(anyNumber(random, 0, kNoIndex - 1, kNoIndex));
  args.dtype = static_cast<NameId>(anyNumber(random, 0, std::numeric_limits<NameId>::max(), 0));
  args.detail = static_cast<NameId>(anyNumber(random, 0, std::numeric_limits<NameId>::max(), 0));
  for (int32_t* const field :
       {&args.peer, &args.step, &args.microBatch, &args.stage, &args.chunk, &args.layer})
    *field = small();
  args.collective = static_cast<CollectiveKind>(random() % kCollectiveKindCount);
  args.pass = static_cast<Pass>(random() % kPassCount);
  args.window = static_cast<uint8_t>(anyNumber(random, 0, 255, 0));
  return args;
}

TEST(ArgsTable, givesBackWhatItWasGivenAndHoldsEqualOnesOnce) {
  constexpr uint64_t kSeed = 5;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  std::mt19937_64 random(kSeed);
  ArgsTable table;
  std::vector<EventArgs> distinct;
  EXPECT_EQ(table.intern({}), 0U);
  distinct.emplace_back();
  for (int i = 0; i < 20'000; ++i) {
    const EventArgs args = anyArgs(random);
    const uint32_t row = table.intern(args);
    ASSERT_LE(row, distinct.size());
    if (row == distinct.size()) distinct.push_back(args);
    ASSERT_EQ(distinct[row], args) << "row " << row;
  }
  ASSERT_EQ(table.size(), distinct.size());
  for (uint32_t row = 0; row < distinct.size(); ++row) {
    ASSERT_EQ(table[row], distinct[row]) << row;
    ASSERT_EQ(table.intern(distinct[row]), row);
  }
}

}  // namespace
}  // namespace caracal::trace
