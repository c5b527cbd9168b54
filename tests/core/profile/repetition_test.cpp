#include "core/profile/repetition.h"

#include <gtest/gtest.h>

namespace caracal::profile {
namespace {

using Places = std::vector<Stretch>;

TEST(Pattern, isFoundBetweenEndsThatDiffer) {
  EXPECT_EQ(findPattern({9, 1, 2, 3, 1, 2, 3, 1, 2, 3, 8}), (Places{{1, 4}, {4, 7}, {7, 10}}));
  // Kernels that repeat inside a layer are no layers.
  EXPECT_EQ(findPattern({5, 5, 1, 2, 2, 3, 1, 2, 2, 3, 7}), (Places{{2, 6}, {6, 10}}));
  // A first layer that differs, and the begin of a layer that never ends.
  EXPECT_EQ(findPattern({1, 7, 3, 1, 2, 3, 1, 2, 3, 1}), (Places{{2, 5}, {5, 8}}));
  EXPECT_EQ(findPattern({1, 2, 3, 4}), Places{});
  EXPECT_EQ(findPattern({}), Places{});
}

TEST(Pattern, isFoundAgainBehindALayerThatDiffers) {
  EXPECT_EQ(findPattern({9, 1, 2, 3, 1, 2, 3, 7, 1, 2, 3}), (Places{{1, 4}, {4, 7}, {8, 11}}));
}

// Halves of layers, the first of one missing: "2 1 2" stands twice in a row, "1 2" in more places.
TEST(Pattern, coversMoreThanAnyOther) {
  EXPECT_EQ(findPattern({1, 2, 1, 2, 2, 1, 2, 1, 2}), (Places{{0, 2}, {2, 4}, {5, 7}, {7, 9}}));
}

// The stretch that repeats may begin inside a layer: "3 1 2 3 1 2 3" does so twice as "3 1 2", but
// "1 2 3" stands in three places.
TEST(Pattern, isCutWhereMostOfItStands) {
  EXPECT_EQ(findPattern({3, 1, 2, 3, 1, 2, 3, 7, 1, 2, 3}), (Places{{1, 4}, {4, 7}, {8, 11}}));
}

}  // namespace
}  // namespace caracal::profile
