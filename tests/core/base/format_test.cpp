#include "core/base/format.h"

#include <gtest/gtest.h>

namespace caracal {
namespace {

TEST(Format, durationsHaveThreeDigitsAndAUnit) {
  EXPECT_EQ(formatDuration(987), "987 ns");
  EXPECT_EQ(formatDuration(1230), "1.23 us");
  EXPECT_EQ(formatDuration(45'600'000), "45.6 ms");
  EXPECT_EQ(formatDuration(-7'890'000'000), "-7.89 s");
}

TEST(Format, sizesReadBackWhatPeopleType) {
  EXPECT_EQ(parseBytes("4GiB"), int64_t{4} << 30);
  EXPECT_EQ(parseBytes("1.5 GB"), 1'500'000'000);
  EXPECT_EQ(parseBytes("512"), 512);
  EXPECT_EQ(parseBytes("lots"), -1);
  EXPECT_EQ(parseBytes("-4GiB"), -1);
  EXPECT_EQ(parseBytes("4 parsec"), -1);
  EXPECT_EQ(formatBytes(int64_t{3} << 29), "1.50 GiB");
}

TEST(Format, tablesAlignNumbersRightAndWordsLeft) {
  const TextTable table{{"stage", "idle"}, {{"0", "warm-up"}, {"12", "-"}}};
  EXPECT_EQ(table.render(), "stage  idle\n-----  -------\n    0  warm-up\n   12  -\n");
}

}  // namespace
}  // namespace caracal
