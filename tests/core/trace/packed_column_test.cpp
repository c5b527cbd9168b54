#include "core/trace/packed_column.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace caracal::trace {
namespace {

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

PackedColumn packed(const std::vector<int64_t>& values) {
  ColumnPacker packer;
  for (const int64_t value : values) packer.push(value);
  EXPECT_EQ(packer.size(), values.size());
  return std::move(packer).finish();
}

void expectSame(const PackedColumn& column, const std::vector<int64_t>& values) {
  ASSERT_EQ(column.size(), values.size());
  for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(column[i], values[i]) << "value " << i;
}

TEST(PackedColumn, givesBackValuesOfEveryWidth) {
  for (unsigned width = 0; width <= 64; ++width) {
    std::mt19937_64 random(width);
    for (const size_t size : {size_t{1}, size_t{255}, size_t{256}, size_t{257}, size_t{1000}}) {
      std::vector<int64_t> values;
      for (size_t i = 0; i < size; ++i)
        values.push_back(static_cast<int64_t>(random() & packedMask(width)) - 7);
      SCOPED_TRACE(testing::Message()
                   << "width " << width << ", seed " << width << ", size " << size);
      expectSame(packed(values), values);
    }
  }
}

TEST(PackedColumn, takesTheWholeRangeOfANumber) {
  expectSame(packed({}), {});
  expectSame(packed({kLeast, kMost, 0, -1, 1}), {kLeast, kMost, 0, -1, 1});
}

TEST(PackedColumn, equalNeighboursTakeNoBits) {
  const PackedColumn column = packed(std::vector<int64_t>(100 * PackedColumn::kBlockSize, 42));
  EXPECT_EQ(column.words().size(), PackedColumn::kPaddingWords);
  EXPECT_EQ(column.memoryBytes(), 100 * sizeof(PackedColumn::Block) + sizeof(uint64_t));
}

TEST(PackedColumn, knowsItsBounds) {
  const PackedColumn column = packed({5, 9, 17});
  EXPECT_TRUE(column.isWithin(5, 17));
  EXPECT_TRUE(column.isWithin(kLeast, kMost));
  EXPECT_FALSE(column.isWithin(5, 16));
  EXPECT_FALSE(column.isWithin(6, 17));
  EXPECT_TRUE(packed({kLeast, kMost}).isWithin(kLeast, kMost));
  EXPECT_FALSE(packed({kLeast, kMost}).isWithin(0, kMost));
}

TEST(PackedColumn, refusesBlocksThatReachBeyondTheWords) {
  using Block = PackedColumn::Block;
  const std::vector<Block> sound{{0, 0 << 8 | 8}, {0, 32 << 8 | 8}};
  EXPECT_TRUE(PackedColumn::isSound(257, sound, 34));
  EXPECT_FALSE(PackedColumn::isSound(257, sound, 33));    // no padding
  EXPECT_FALSE(PackedColumn::isSound(256, sound, 34));    // a block too many
  EXPECT_FALSE(PackedColumn::isSound(513, sound, 1000));  // a block too few
  const std::vector<Block> wide{{0, 0 << 8 | 57}};
  EXPECT_FALSE(PackedColumn::isSound(1, wide, 1000));  // would need two loads
  const std::vector<Block> far{{0, std::numeric_limits<uint64_t>::max() << 8 | 8}};
  EXPECT_FALSE(PackedColumn::isSound(1, far, 1000));
}

}  // namespace
}  // namespace caracal::trace
