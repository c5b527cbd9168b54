#include "app/ui/timeline/row_layout.h"

#include <gtest/gtest.h>

#include "app/ui/timeline/time_view.h"
#include "tests/app/ui/drawn_trace.h"

namespace caracal::ui {
namespace {

using trace::EventKind;
using trace::TrackKind;

std::shared_ptr<const Scene> twoRanks() {
  return test::sceneOf(
      test::drawTrace({{"s0", TrackKind::kGpuStream, EventKind::kKernel, 0, "AA.BB"},
                       {"t0", TrackKind::kCpuThread, EventKind::kCpuOp, 0, "CC"},
                       {"s1", TrackKind::kGpuStream, EventKind::kKernel, 1, "..DD"}},
                      2));
}

TEST(RowLayout, rowsFollowEachOtherWithoutGapsOrOverlap) {
  const auto scene = twoRanks();
  const RowLayout layout = layoutRows(*scene, FoldState(scene->rows.size(), false));
  ASSERT_EQ(layout.rows.size(), scene->rows.size());
  int top = 0;
  for (const PlacedRow& row : layout.rows) {
    EXPECT_EQ(row.top, top);
    top += row.height;
  }
  EXPECT_EQ(layout.height, top);
}

TEST(RowLayout, foldingHidesTheWholeSubtreeAndNothingElse) {
  const auto scene = twoRanks();
  FoldState folded(scene->rows.size(), false);
  folded[1] = true;  // rank 0
  const RowLayout layout = layoutRows(*scene, folded);
  std::vector<std::string> labels;
  for (const PlacedRow& row : layout.rows) labels.push_back(scene->rows[row.row].label);
  EXPECT_EQ(labels, (std::vector<std::string>{"drawn", "rank 0", "rank 1", "s1"}));
  EXPECT_EQ(layout.placeOf(2), layout.rows.size());
  EXPECT_EQ(layout.placeOf(4), 2U);
}

TEST(RowLayout, everyHeightBelongsToExactlyOneRow) {
  const auto scene = twoRanks();
  const RowLayout layout = layoutRows(*scene, FoldState(scene->rows.size(), false));
  for (int y = 0; y < layout.height; ++y) {
    const size_t place = layout.at(y);
    ASSERT_LT(place, layout.rows.size());
    EXPECT_LE(layout.rows[place].top, y);
    EXPECT_GT(layout.rows[place].top + layout.rows[place].height, y);
  }
  EXPECT_EQ(layout.at(layout.height), layout.rows.size());
  EXPECT_EQ(layout.at(-1), layout.rows.size());
}

TEST(BlockAt, findsBlocksBubblesAndNothing) {
  const auto scene = test::sceneOf(test::drawPipeline(2, 3, 1));
  const RowLayout layout = layoutRows(*scene, initialFolds(*scene));
  const TimeView view = show(scene->range, 1000);
  const auto stage1 = static_cast<uint32_t>(layout.placeOf(2));
  const int y = layout.rows[stage1].lanes[0].top + 5;
  const BlockRef bubble = blockAt(*scene, layout, view, 2, y);
  ASSERT_TRUE(bubble.valid());
  EXPECT_EQ(bubble.lane, kBubbleLane) << "stage 1 starts with its warm-up bubble";
  const double firstPass = view.pixelOf(scene->rows[2].lanes[0][0].beginNs) + 3;
  const BlockRef pass = blockAt(*scene, layout, view, firstPass, y);
  ASSERT_TRUE(pass.valid());
  EXPECT_EQ(pass.lane, 0U);
  EXPECT_FALSE(blockAt(*scene, layout, view, 10, layout.height + 50).valid());
  EXPECT_FALSE(blockAt(*scene, layout, view, 10, 2).valid())
      << "the header of the run holds no block";
}

}  // namespace
}  // namespace caracal::ui
