#include "app/ui/timeline/navigation.h"

#include <gtest/gtest.h>

#include "tests/app/ui/drawn_trace.h"

namespace caracal::ui {
namespace {

using trace::EventKind;
using trace::TrackKind;

std::shared_ptr<const Scene> oneStream() {
  return test::sceneOf(
      test::drawTrace({{"s", TrackKind::kGpuStream, EventKind::kKernel, 0, "AA..BBB...C"}}));
}

TEST(Navigation, neighboursWalkTheLaneToItsEnds) {
  const auto scene = oneStream();
  BlockRef ref{2, 0, 0};
  EXPECT_FALSE(nextBlock(*scene, ref, Direction::kBackward).valid());
  ref = nextBlock(*scene, ref, Direction::kForward);
  EXPECT_EQ(ref, (BlockRef{2, 0, 1}));
  ref = nextBlock(*scene, ref, Direction::kForward);
  EXPECT_FALSE(nextBlock(*scene, ref, Direction::kForward).valid());
}

TEST(Navigation, bubblesOfTheSelectedStageComeInOrder) {
  const auto scene = test::sceneOf(test::drawPipeline(3, 4, 1));
  int64_t time = -1;
  size_t seen = 0;
  for (BlockRef ref = nextBubble(*scene, 2, time, Direction::kForward); ref.valid();
       ref = nextBubble(*scene, 2, time, Direction::kForward)) {
    EXPECT_EQ(ref.row, 2U);
    EXPECT_GT(blockOf(*scene, ref).beginNs, time);
    time = blockOf(*scene, ref).beginNs;
    ++seen;
  }
  EXPECT_EQ(seen, scene->rows[2].bubbles.size());
}

TEST(Navigation, withoutAStageTheNearestBubbleOfAnyIsNext) {
  const auto scene = test::sceneOf(test::drawPipeline(3, 4, 1));
  const BlockRef ref = nextBubble(*scene, kNoRow, -1, Direction::kForward);
  ASSERT_TRUE(ref.valid());
  EXPECT_EQ(blockOf(*scene, ref).beginNs, 0) << "the warm-up of a later stage starts with the step";
}

TEST(Navigation, stepsAreVisitedInBothDirections) {
  const auto scene = test::sceneOf(test::drawPipeline(2, 3, 3));
  const std::vector<Span>& steps = scene->runs[0].steps;
  ASSERT_EQ(steps.size(), 3U);
  EXPECT_EQ(nextStep(*scene, 0, steps[0].beginNs, Direction::kForward), steps[1]);
  EXPECT_EQ(nextStep(*scene, 0, steps[2].beginNs, Direction::kBackward), steps[1]);
  EXPECT_FALSE(nextStep(*scene, 0, steps[2].beginNs, Direction::kForward).has_value());
}

TEST(Navigation, aKernelLeadsToItsLaunchAndBack) {
  trace::TraceBuilder builder;
  builder.addRank({});
  trace::Track stream;
  stream.kind = TrackKind::kGpuStream;
  trace::Track thread;
  thread.kind = TrackKind::kCpuThread;
  builder.addTrack(stream);
  builder.addTrack(thread);
  builder.add({1, EventKind::kRuntime, builder.intern("cudaLaunchKernel"), 0, 10, 42});
  builder.add({0, EventKind::kKernel, builder.intern("gemm"), 50, 10, 42});
  const auto scene = test::sceneOf(std::move(builder).finish());
  const BlockRef kernel{2, 0, 0};
  const auto follow = [&](const BlockRef& from, Direction direction) {
    return followDependency(linksOf(*scene, nullptr, from), from, direction);
  };
  const BlockRef launch = follow(kernel, Direction::kBackward);
  ASSERT_TRUE(launch.valid());
  EXPECT_EQ(launch.row, 3U);
  EXPECT_EQ(follow(launch, Direction::kForward), kernel);
  EXPECT_FALSE(follow(launch, Direction::kBackward).valid());
}

TEST(Snap, takesTheNearestEdgeOfTheRowUnderTheCursor) {
  const auto scene = oneStream();
  const RowLayout layout = layoutRows(*scene, initialFolds(*scene));
  const TimeView view = show(scene->range, 1100);  // 10 pixels a character
  const int y = layout.rows[2].lanes[0].top + 3;
  EXPECT_EQ(snapToEdge(*scene, layout, view, view.pixelOf(20) + 4, y, 6), 20);
  EXPECT_EQ(snapToEdge(*scene, layout, view, view.pixelOf(40) - 5, y, 6), 40);
  const double between = view.pixelOf(30);
  EXPECT_EQ(snapToEdge(*scene, layout, view, between, y, 6), view.timeAt(between));
  EXPECT_EQ(snapToEdge(*scene, layout, view, view.pixelOf(20) + 4, layout.height + 10, 6),
            view.timeAt(view.pixelOf(20) + 4));
}

}  // namespace
}  // namespace caracal::ui
