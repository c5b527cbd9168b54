#include <gtest/gtest.h>

#include <random>

#include "app/ui/timeline/lane.h"
#include "tests/app/ui/drawn_trace.h"

namespace caracal::ui {
namespace {

std::vector<Block> blocksOf(const Lane& lane) {
  std::vector<Block> blocks;
  for (size_t i = 0; i < lane.size(); ++i) blocks.push_back(lane[i]);
  return blocks;
}

Block block(int64_t begin, int64_t end, Paint paint = Paint::kCompute) {
  return {begin, end, 0, {paint, 0}};
}

std::vector<Block> randomChain(std::mt19937& random, size_t count) {
  std::vector<Block> blocks;
  int64_t time = 0;
  for (size_t i = 0; i < count; ++i) {
    time += static_cast<int64_t>(random() % 50);
    const int64_t end = time + static_cast<int64_t>(random() % 100);
    blocks.push_back(block(time, end, random() % 3 == 0 ? Paint::kComm : Paint::kCompute));
    time = end;
  }
  return blocks;
}

TEST(Lane, nestedBlocksLandBelowTheirParentAndOverlappingOnesBesideEachOther) {
  const std::vector<Lane> lanes = spreadOverLanes(
      {block(0, 100), block(10, 50), block(20, 30), block(40, 60), block(100, 110)});
  ASSERT_EQ(lanes.size(), 3U);
  EXPECT_EQ(blocksOf(lanes[0]), (std::vector<Block>{block(0, 100), block(100, 110)}));
  EXPECT_EQ(blocksOf(lanes[1]), (std::vector<Block>{block(10, 50)}));
  EXPECT_EQ(blocksOf(lanes[2]), (std::vector<Block>{block(20, 30), block(40, 60)}));
}

TEST(Lane, spreadingLosesNoBlockAndOverlapsNone) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    std::vector<Block> blocks;
    for (int i = 0; i < 300; ++i) {
      const auto begin = static_cast<int64_t>(random() % 1000);
      blocks.push_back(block(begin, begin + static_cast<int64_t>(random() % 60)));
    }
    std::sort(blocks.begin(), blocks.end(), [](const Block& a, const Block& b) {
      return a.beginNs != b.beginNs ? a.beginNs < b.beginNs : a.endNs > b.endNs;
    });
    size_t count = 0;
    for (const Lane& lane : spreadOverLanes(blocks)) {
      count += lane.size();
      for (size_t i = 1; i < lane.size(); ++i) {
        EXPECT_LE(lane[i - 1].endNs, lane[i].beginNs);
      }
    }
    EXPECT_EQ(count, blocks.size());
  }
}

TEST(Lane, nodesHoldTheSumAndTheLongestOfTheirBlocks) {
  std::mt19937 random(7);
  const Lane lane(randomChain(random, 5000));
  ASSERT_GE(lane.levels(), 3U);
  Lane::Reader reader(lane);
  for (size_t level = 1; level <= lane.levels(); ++level) {
    const size_t size = Lane::nodeSize(level);
    for (size_t first = 0; first < lane.size(); first += size) {
      int64_t sum = 0;
      int64_t longest = 0;
      for (size_t i = first; i < std::min(first + size, lane.size()); ++i) {
        sum += lane[i].durationNs();
        longest = std::max(longest, lane[i].durationNs());
      }
      const Lane::Node node = reader.node(level, first / size);
      EXPECT_EQ(node.busyNs, sum);
      EXPECT_EQ(node.longestNs, static_cast<float>(longest));
      EXPECT_EQ(node.beginNs, lane[first].beginNs);
    }
  }
}

TEST(Lane, touchingAgreesWithALookAtEveryBlock) {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const Lane lane(randomChain(random, 200));
    const auto begin = static_cast<int64_t>(random() % 15000);
    const Span span{begin, begin + static_cast<int64_t>(random() % 2000)};
    const auto [first, last] = lane.touching(span);
    for (size_t i = 0; i < lane.size(); ++i) {
      const Block b = lane[i];
      const bool instantInside =
          b.beginNs == b.endNs && b.beginNs >= span.beginNs && b.beginNs < span.endNs;
      const bool overlaps = b.beginNs < span.endNs && b.endNs > span.beginNs;
      if (overlaps || instantInside) {
        EXPECT_TRUE(i >= first && i < last) << i;
      }
    }
  }
}

TEST(Lane, findsTheBlockUnderATimeAndTheNearestOneWithinTolerance) {
  const Lane lane({block(10, 20), block(30, 40), block(50, 50)});
  EXPECT_EQ(lane.at(15, 0), 0U);
  EXPECT_EQ(lane.at(20, 0), 3U) << "the end is not part of a block";
  EXPECT_EQ(lane.at(22, 5), 0U);
  EXPECT_EQ(lane.at(28, 5), 1U);
  EXPECT_EQ(lane.at(50, 0), 2U) << "an instant has its own time";
  EXPECT_EQ(lane.at(70, 5), 3U);
}

TEST(Lane, blocksOfEventsAreTheEventsWhetherAllOfATrackOrSomeOfThem) {
  const auto trace = test::randomTrace(3, 1, 2000);
  const auto events = std::make_shared<const EventBlocks>(trace, -1000);
  trace::ColumnPacker packer;
  std::vector<trace::EventIndex> picked;
  for (trace::EventIndex e = 0; e < trace->eventCount(); e += 1 + e % 3) {
    packer.push(e);
    picked.push_back(e);
  }
  const Lane all(events, 500, 1000);
  const Lane some(events, std::move(packer).finish());
  ASSERT_EQ(all.size(), 1000U);
  ASSERT_EQ(some.size(), picked.size());
  const auto expectEvent = [&](const Block& b, trace::EventIndex e) {
    EXPECT_EQ(b.source, e);
    EXPECT_EQ(b.beginNs, trace->beginNs(e) - 1000);
    EXPECT_EQ(b.endNs, trace->endNs(e) - 1000);
    EXPECT_EQ(b.style, events->style(e));
  };
  for (uint32_t i = 0; i < all.size(); ++i) expectEvent(all[i], 500 + i);
  for (uint32_t i = 0; i < some.size(); ++i) expectEvent(some[i], picked[i]);
  EXPECT_LT(some.memoryBytes(), 8 * some.size()) << "lanes do not copy events";
}

TEST(Lane, knowsWhichPaintsOccur) {
  const Lane lane({block(0, 1, Paint::kComm), block(2, 3, Paint::kCopy)});
  EXPECT_EQ(lane.paints(), (uint32_t{1} << static_cast<unsigned>(Paint::kComm)) |
                               (uint32_t{1} << static_cast<unsigned>(Paint::kCopy)));
}

TEST(Lane, anEmptyLaneHasNothingAnywhere) {
  const Lane lane;
  EXPECT_EQ(lane.at(0, 100), 0U);
  EXPECT_EQ(lane.touching({0, 100}), (std::pair<size_t, size_t>{0, 0}));
}

}  // namespace
}  // namespace caracal::ui
