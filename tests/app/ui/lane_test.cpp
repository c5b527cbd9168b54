#include <gtest/gtest.h>

#include <random>

#include "app/ui/timeline/lane.h"

namespace caracal::ui {
namespace {

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
  EXPECT_EQ(lanes[0].blocks(), (std::vector<Block>{block(0, 100), block(100, 110)}));
  EXPECT_EQ(lanes[1].blocks(), (std::vector<Block>{block(10, 50)}));
  EXPECT_EQ(lanes[2].blocks(), (std::vector<Block>{block(20, 30), block(40, 60)}));
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
      count += lane.blocks().size();
      for (size_t i = 1; i < lane.blocks().size(); ++i) {
        EXPECT_LE(lane.blocks()[i - 1].endNs, lane.blocks()[i].beginNs);
      }
    }
    EXPECT_EQ(count, blocks.size());
  }
}

TEST(Lane, nodesHoldTheSumAndTheLongestOfTheirBlocks) {
  std::mt19937 random(7);
  const Lane lane(randomChain(random, 5000));
  ASSERT_GE(lane.levels(), 3U);
  for (size_t level = 1; level <= lane.levels(); ++level) {
    const size_t size = size_t{1} << (Lane::kFanOutBits * level);
    for (size_t first = 0; first < lane.blocks().size(); first += size) {
      int64_t sum = 0;
      int64_t longest = 0;
      for (size_t i = first; i < std::min(first + size, lane.blocks().size()); ++i) {
        sum += lane.blocks()[i].durationNs();
        longest = std::max(longest, lane.blocks()[i].durationNs());
      }
      const Lane::Node& node = lane.node(level, first / size);
      EXPECT_EQ(node.busyNs, sum);
      EXPECT_EQ(node.longestNs, longest);
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
    for (size_t i = 0; i < lane.blocks().size(); ++i) {
      const Block& b = lane.blocks()[i];
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

TEST(Lane, anEmptyLaneHasNothingAnywhere) {
  const Lane lane;
  EXPECT_EQ(lane.at(0, 100), 0U);
  EXPECT_EQ(lane.touching({0, 100}), (std::pair<size_t, size_t>{0, 0}));
}

}  // namespace
}  // namespace caracal::ui
