#include "app/ui/timeline/columns.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace caracal::ui {
namespace {

TimeView view(int64_t begin, double nsPerPixel, int width) {
  return {begin, nsPerPixel, width};
}

TEST(Columns, everyEventTouchesItsColumnHoweverFarOut) {
  std::vector<Block> blocks;
  std::mt19937 random(3);
  for (int64_t t = 0; t < 1'000'000; t += 1 + static_cast<int64_t>(random() % 5000)) {
    blocks.push_back({t, t, 0, {Paint::kComm, 0}});  // instants: no duration at all
  }
  const Lane lane(blocks);
  for (const double nsPerPixel : {100.0, 1'333.3, 52'000.0}) {
    Columns columns(view(0, nsPerPixel, 1000));
    columns.add(lane);
    for (const Block& b : blocks) {
      const auto column =
          static_cast<size_t>(std::floor(static_cast<double>(b.beginNs) / nsPerPixel));
      if (column < columns.all().size()) {
        EXPECT_TRUE(columns[column].touched()) << b.beginNs;
      }
    }
  }
}

// The slow, obvious model: every block into every column it overlaps.
std::vector<double> slowBusy(const std::vector<Block>& blocks, const TimeView& v) {
  std::vector<double> busy(static_cast<size_t>(v.width), 0.0);
  for (const Block& b : blocks) {
    for (int c = 0; c < v.width; ++c) {
      const double begin = std::max(v.pixelOf(b.beginNs), static_cast<double>(c));
      const double end = std::min(v.pixelOf(b.endNs), static_cast<double>(c + 1));
      if (end > begin) busy[static_cast<size_t>(c)] += (end - begin) * v.nsPerPixel;
    }
  }
  return busy;
}

TEST(Columns, areTouchedWhereABlockIsAndNowhereElse) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    std::vector<Block> blocks;
    for (int64_t time = 0; time < 60'000;) {
      time += static_cast<int64_t>(random() % 10 == 0 ? random() % 900 : random() % 20);
      const int64_t end = time + static_cast<int64_t>(random() % 30);
      blocks.push_back({time, end, 0, {Paint::kCompute, 0}});
      time = end;
    }
    const Lane lane(blocks);
    for (const double nsPerPixel : {2.5, 64.0, 333.3, 1111.1}) {
      const TimeView v = view(static_cast<int64_t>(random() % 3000), nsPerPixel, 150);
      Columns columns(v);
      columns.add(lane);
      std::vector<bool> must(150), may(150);
      for (const Block& b : blocks) {
        const auto mark = [](std::vector<bool>& columnsOf, double from, double to) {
          for (int c = std::max(0, static_cast<int>(std::floor(from)));
               c <= std::min(149, static_cast<int>(std::floor(to))); ++c) {
            columnsOf[static_cast<size_t>(c)] = true;
          }
        };
        // Columns share the ns across their edge: it may be drawn in both.
        mark(must, v.pixelOf(b.beginNs), v.pixelOf(std::max(b.beginNs, b.endNs - 1)));
        mark(may, v.pixelOf(b.beginNs), v.pixelOf(b.endNs));
      }
      for (size_t c = 0; c < must.size(); ++c) {
        if (must[c]) {
          EXPECT_TRUE(columns[c].touched()) << "column " << c << " at " << nsPerPixel;
        }
        if (!may[c]) {
          EXPECT_FALSE(columns[c].touched()) << "column " << c << " at " << nsPerPixel;
        }
      }
    }
  }
}

// Blocks that are taken together may lie across one edge: up to any column the sums differ by no
// more than such a group, which is shorter than a column.
TEST(Columns, busyTimeAddsUpToTheSumOverBlocksAtEveryZoom) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    std::vector<Block> blocks;
    int64_t time = 0;
    for (int i = 0; i < 3000; ++i) {
      time += static_cast<int64_t>(random() % 40);
      const int64_t end = time + static_cast<int64_t>(random() % 30);
      blocks.push_back({time, end, 0, {Paint::kCompute, 0}});
      time = end;
    }
    const Lane lane(blocks);
    for (const double nsPerPixel : {3.0, 64.0, 500.0, 1111.1}) {
      const TimeView v = view(static_cast<int64_t>(random() % 3000), nsPerPixel, 120);
      Columns columns(v);
      columns.add(lane);
      const std::vector<double> expected = slowBusy(blocks, v);
      double sum = 0, expectedSum = 0;
      for (size_t c = 0; c < expected.size(); ++c) {
        sum += columns[c].busyNs;
        expectedSum += expected[c];
        EXPECT_NEAR(sum, expectedSum, nsPerPixel + 1.0) << "column " << c;
      }
    }
  }
}

TEST(Columns, theStyleIsThatOfTheLargestPart) {
  const Lane lane({{0, 3, 0, {Paint::kComm, 0}}, {3, 9, 0, {Paint::kCompute, 0}}});
  Columns columns(view(0, 10.0, 1));
  columns.add(lane);
  EXPECT_EQ(columns[0].style.paint, Paint::kCompute);
  EXPECT_DOUBLE_EQ(columns.share(columns[0]), 0.9);
}

TEST(Columns, aNanosecondTakesAllItsColumnsWhenItIsWiderThanOne) {
  const Lane lane({{5, 6, 0, {Paint::kComm, 0}}, {8, 8, 0, {Paint::kCopy, 0}}});
  Columns columns(view(0, 0.05, 400));
  columns.add(lane);
  for (size_t c = 0; c < 400; ++c) {
    EXPECT_EQ(columns[c].touched(), (c >= 100 && c < 120) || c == 160) << c;
  }
}

TEST(Columns, onlyWideBlocksGetAnEdge) {
  const Lane lane({{0, 100, 0, {}}, {100, 120, 0, {}}});
  Columns columns(view(0, 10.0, 20));
  columns.add(lane);
  EXPECT_TRUE(columns[0].edge);
  EXPECT_FALSE(columns[10].edge);
}

}  // namespace
}  // namespace caracal::ui
