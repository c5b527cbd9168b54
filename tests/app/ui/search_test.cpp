#include "app/ui/timeline/search.h"

#include <gtest/gtest.h>

#include "tests/app/ui/drawn_trace.h"

namespace caracal::ui {
namespace {

using trace::EventKind;
using trace::TrackKind;

TEST(Search, findsNamesInAnyCaseInTimeOrder) {
  const auto scene = test::sceneOf(
      test::drawTrace({{"s", TrackKind::kGpuStream, EventKind::kKernel, 0, "AAB.A.C"},
                       {"t", TrackKind::kCpuThread, EventKind::kCpuOp, 0, ".A....A"}}));
  const auto found = searchBlocks(*scene, "^a$");
  ASSERT_TRUE(found);
  ASSERT_EQ(found->hits.size(), 4U);
  int64_t last = -1;
  for (const BlockRef& ref : found->hits) {
    EXPECT_GE(blockOf(*scene, ref).beginNs, last);
    last = blockOf(*scene, ref).beginNs;
  }
}

TEST(Search, findsPassesByWhatIsWrittenInThemAndBubblesByCause) {
  const auto scene = test::sceneOf(test::drawPipeline(2, 4, 1));
  const auto passes = searchBlocks(*scene, "^F3$");
  ASSERT_TRUE(passes);
  EXPECT_EQ(passes->hits.size(), 2U) << "one on each stage";
  const std::string cause(analysis::label(analysis::IdleCause::kCooldown));
  const auto bubbles = searchBlocks(*scene, cause);
  ASSERT_TRUE(bubbles);
  EXPECT_FALSE(bubbles->hits.empty());
  for (const BlockRef& ref : bubbles->hits) EXPECT_EQ(ref.lane, kBubbleLane);
}

TEST(Search, saysWhatIsWrongWithAPattern) {
  const auto scene = test::sceneOf(test::drawPipeline(2, 2, 1));
  const auto broken = searchBlocks(*scene, "gemm(");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, ErrorCode::kInvalidInput);
  EXPECT_NE(broken.error().message.find("gemm("), std::string::npos);
}

TEST(Search, keepsTheEarliestOfTooManyHitsAndCountsAll) {
  const int events = static_cast<int>(kMostHits) * 5 / 2;
  const auto scene = test::sceneOf(test::randomTrace(5, 2, events));
  const auto found = searchBlocks(*scene, "op");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->total, static_cast<size_t>(events));
  ASSERT_EQ(found->hits.size(), kMostHits);
  std::vector<int64_t> begins;
  for (const Row& row : scene->rows) {
    for (const Lane& lane : row.lanes) {
      for (size_t i = 0; i < lane.size(); ++i) begins.push_back(lane.span(i).beginNs);
    }
  }
  std::sort(begins.begin(), begins.end());
  begins.resize(kMostHits);
  EXPECT_EQ(found->begins, begins);
}

TEST(Search, anEmptyPatternFindsNothingAndAStopIsHeeded) {
  const auto scene = test::sceneOf(test::drawPipeline(2, 2, 1));
  EXPECT_TRUE(searchBlocks(*scene, "")->hits.empty());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(searchBlocks(*scene, "F", stop.get_token()).error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace caracal::ui
