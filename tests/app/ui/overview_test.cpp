#include "app/ui/timeline/overview.h"

#include <gtest/gtest.h>

#include "tests/app/ui/drawn_trace.h"

namespace caracal::ui {
namespace {

using trace::EventKind;
using trace::TrackKind;

TEST(Overview, isTheMeanOverRanksOfTheBusyShare) {
  // 1,024 parts of 10 ns: rank 0 works in the first half, rank 1 all the time.
  const std::string half(512, 'A'), idle(512, '.');
  const auto trace =
      test::drawTrace({{"s", TrackKind::kGpuStream, EventKind::kKernel, 0, half + idle},
                       {"s", TrackKind::kGpuStream, EventKind::kKernel, 1, half + half},
                       {"t", TrackKind::kCpuThread, EventKind::kCpuOp, 0, half + half}},
                      2);
  const std::vector<float> busy = overviewOf(*trace, 500, {500, 10740});
  ASSERT_EQ(busy.size(), kOverviewBins);
  EXPECT_FLOAT_EQ(busy[0], 1.0F);
  EXPECT_FLOAT_EQ(busy[511], 1.0F);
  EXPECT_FLOAT_EQ(busy[512], 0.5F);
  EXPECT_FLOAT_EQ(busy[1023], 0.5F);
}

TEST(Overview, ofAScheduleIsReadFromItsPassesAndOfNothingIsEmpty) {
  const auto pipeline = test::drawPipeline(2, 3, 1, 100'000);
  const std::vector<float> busy = overviewOf(*pipeline.trace, 0, pipeline.trace->range());
  ASSERT_EQ(busy.size(), kOverviewBins);
  EXPECT_NEAR(busy.front(), 0.5F, 1e-3F) << "only the first stage works at first";
  EXPECT_TRUE(overviewOf(*test::drawTrace({}, 1), 0, {0, 100}).empty());
}

}  // namespace
}  // namespace caracal::ui
