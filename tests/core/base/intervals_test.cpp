#include "core/base/intervals.h"

#include <gtest/gtest.h>

#include <random>

namespace caracal {
namespace {

constexpr int kUniverse = 64;

// The slow, obvious model: one bool per nanosecond.
std::vector<bool> bits(const SpanSet& set) {
  std::vector<bool> covered(kUniverse, false);
  for (const Span& span : set.spans()) {
    for (int64_t t = span.beginNs; t < span.endNs; ++t) covered[static_cast<size_t>(t)] = true;
  }
  return covered;
}

SpanSet randomSet(std::mt19937& random) {
  std::uniform_int_distribution<int64_t> time(0, kUniverse);
  std::vector<Span> spans(random() % 8);
  for (Span& span : spans) span = {time(random), time(random)};
  return SpanSet(spans);
}

TEST(Intervals, unionIgnoresOrderOverlapAndEmptySpans) {
  const SpanSet set({{5, 9}, {0, 2}, {8, 12}, {2, 3}, {7, 7}, {20, 15}});
  EXPECT_EQ(set.spans(), (std::vector<Span>{{0, 3}, {5, 12}}));
  EXPECT_EQ(set.lengthNs(), 10);
}

TEST(Intervals, setOperationsEqualBitwiseModel) {
  for (uint32_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const SpanSet a = randomSet(random);
    const SpanSet b = randomSet(random);
    const Span range{10, 50};
    const auto x = bits(a), y = bits(b);
    const auto both = bits(intersect(a, b)), either = bits(unite(a, b)),
               only = bits(subtract(a, b));
    const auto clipped = bits(clip(a, range)), gaps = bits(complement(a, range));
    for (int t = 0; t < kUniverse; ++t) {
      const auto i = static_cast<size_t>(t);
      const bool inside = t >= range.beginNs && t < range.endNs;
      EXPECT_EQ(both[i], x[i] && y[i]);
      EXPECT_EQ(either[i], x[i] || y[i]);
      EXPECT_EQ(only[i], x[i] && !y[i]);
      EXPECT_EQ(clipped[i], x[i] && inside);
      EXPECT_EQ(gaps[i], !x[i] && inside);
    }
  }
}

}  // namespace
}  // namespace caracal
