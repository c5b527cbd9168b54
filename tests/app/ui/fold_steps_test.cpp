#include "app/ui/timeline/fold_steps.h"

#include <gtest/gtest.h>

#include "app/ui/timeline/block_text.h"
#include "app/ui/timeline/navigation.h"
#include "tests/app/ui/drawn_trace.h"

namespace caracal::ui {
namespace {

std::vector<std::string> labelsOf(const Scene& scene) {
  std::vector<std::string> labels;
  for (const Row& row : scene.rows) labels.push_back(row.label);
  return labels;
}

std::vector<Span> spansOf(const Lane& lane) {
  std::vector<Span> spans;
  for (size_t i = 0; i < lane.size(); ++i) spans.push_back(lane.span(i));
  return spans;
}

TEST(FoldSteps, stepsOfAStageLieBelowTheirMedianAndBeginTogether) {
  const auto scene = test::sceneOf(test::drawPipeline(2, 3, 4));
  const auto folded = foldSteps(*scene, {0, {1, 3}});
  ASSERT_TRUE(folded);
  EXPECT_TRUE(folded->folded);
  EXPECT_EQ(labelsOf(*folded), (std::vector<std::string>{"drawn", "stage 0", "step 1", "step 3",
                                                         "stage 1", "step 1", "step 3"}));
  EXPECT_EQ(folded->range, (Span{0, scene->runs[0].steps[1].lengthNs()}));
  // Every step of the drawn pipeline is the same: so are its rows, and their median.
  const auto passes = spansOf(folded->rows[2].lanes[0]);
  EXPECT_EQ(passes.size(), 6U);
  EXPECT_EQ(spansOf(folded->rows[3].lanes[0]), passes);
  EXPECT_EQ(spansOf(folded->rows[1].lanes[0]), passes);
  EXPECT_EQ(spansOf(folded->rows[6].bubbles), spansOf(folded->rows[5].bubbles));
  EXPECT_FALSE(folded->rows[6].bubbles.empty());
}

TEST(FoldSteps, aBlockOfAStepIsItsEventAndAMedianIsNone) {
  const auto scene = test::sceneOf(test::drawPipeline(2, 3, 4));
  const auto folded = foldSteps(*scene, {0, {0, 2}});
  const auto place = eventOf(*folded, {3, 0, 0});
  ASSERT_TRUE(place);
  const SceneRun& run = folded->runs[place->run];
  EXPECT_EQ(run.trace->args(place->event)->step, 2);
  EXPECT_EQ(blockOf(*folded, {3, 0, 0}).beginNs, run.trace->beginNs(place->event) + run.shiftNs);
  EXPECT_FALSE(eventOf(*folded, {1, 0, 0}));
  EXPECT_EQ(describeBlock(*folded, {1, 0, 0})[0].value, QStringLiteral("F0"));
}

TEST(FoldSteps, withoutPassesEveryRankShowsItsGpuWorkStepByStep) {
  trace::TraceBuilder builder;
  builder.addRank({});
  builder.addTrack({.kind = trace::TrackKind::kCpuThread, .label = "thread"});
  builder.addTrack({.kind = trace::TrackKind::kGpuStream, .label = "stream"});
  for (int step = 0; step < 3; ++step) {
    const int64_t begin = 1000 * step;
    builder.add({0, trace::EventKind::kAnnotation,
                 builder.intern("ProfilerStep#" + std::to_string(step + 5)), begin, 900});
    builder.add({1, trace::EventKind::kKernel, builder.intern("gemm"), begin + 10 * step, 100});
  }
  const auto scene = test::sceneOf(std::move(builder).finish());
  EXPECT_EQ(scene->runs[0].stepNumbers, (std::vector<int32_t>{5, 6, 7}));
  const auto folded = foldSteps(*scene, {0, {0, 1, 2}});
  EXPECT_EQ(labelsOf(*folded),
            (std::vector<std::string>{"drawn", "rank 0", "step 5", "step 6", "step 7"}));
  for (uint32_t step = 0; step < 3; ++step) {
    const Row& row = folded->rows[2 + step];
    ASSERT_EQ(row.lanes.size(), 1U);
    ASSERT_EQ(row.lanes[0].size(), 1U);
    EXPECT_EQ(row.lanes[0].span(0), (Span{10 * step, 10 * step + 100}));
  }
}

TEST(FoldSteps, workBelongsToTheStepThatLaunchedIt) {
  trace::TraceBuilder builder;
  builder.addRank({});
  builder.addTrack({.kind = trace::TrackKind::kCpuThread, .label = "thread"});
  builder.addTrack({.kind = trace::TrackKind::kGpuStream, .label = "stream"});
  for (int step = 0; step < 3; ++step) {
    const int64_t begin = 1000 * step;
    builder.add({0, trace::EventKind::kAnnotation,
                 builder.intern("ProfilerStep#" + std::to_string(step)), begin, 900});
    for (int k = 0; k < 2; ++k) {
      const auto id = static_cast<uint64_t>(2 * step + k + 1);
      builder.add({0, trace::EventKind::kRuntime, builder.intern("cudaLaunchKernel"),
                   begin + 100 * k, 50, id});
      // The GPU is half a step behind, and more.
      builder.add(
          {1, trace::EventKind::kKernel, builder.intern("gemm"), begin + 700 + 600 * k, 400, id});
    }
    // Of unknown launch, between two kernels that the step before launched.
    builder.add({1, trace::EventKind::kMemset, builder.intern("set"), begin + 200, 20});
  }
  const auto scene = test::sceneOf(std::move(builder).finish());
  const auto folded = foldSteps(*scene, {0, {0, 1, 2}});
  for (uint32_t step = 0; step < 3; ++step) {
    ASSERT_EQ(folded->rows[2 + step].lanes.size(), 1U);
    std::vector<Span> expected{{700, 1100}, {1300, 1700}};
    if (step < 2) expected.insert(expected.begin() + 1, Span{1200, 1220});
    EXPECT_EQ(spansOf(folded->rows[2 + step].lanes[0]), expected) << "step " << step;
  }
  EXPECT_EQ(folded->range, (Span{0, 1700}));
}

TEST(FoldSteps, tooManyStepsAreThinnedEvenlyAndAStopIsHeeded) {
  const auto scene = test::sceneOf(test::drawPipeline(2, 3, 40));
  std::vector<size_t> all(40);
  for (size_t s = 0; s < all.size(); ++s) all[s] = s;
  EXPECT_EQ(foldSteps(*scene, {0, all})->runs.size(), kMostFoldedSteps);
  const auto ranks = test::sceneOf(test::randomTrace(1, 2, 100));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(foldSteps(*ranks, {0, {}}, stop.get_token()), nullptr);
}

}  // namespace
}  // namespace caracal::ui
