#include "app/ui/timeline/scene.h"

#include <gtest/gtest.h>

#include "tests/app/ui/drawn_trace.h"

namespace caracal::ui {
namespace {

using test::drawTrace;
using trace::EventKind;
using trace::TrackKind;

// "run > stage 0 > stream 7", one row a line, indented by depth.
std::string outline(const Scene& scene) {
  std::string text;
  for (const Row& row : scene.rows)
    text += std::string(static_cast<size_t>(row.depth) * 2, ' ') + row.label + "\n";
  return text;
}

TEST(Scene, aTraceWithoutAPipelineIsShownByRankStreamsFirst) {
  const auto scene =
      test::sceneOf(drawTrace({{"thread 1", TrackKind::kCpuThread, EventKind::kCpuOp, 0, "AA"},
                               {"stream 7", TrackKind::kGpuStream, EventKind::kKernel, 0, ".BB"},
                               {"stream 20", TrackKind::kGpuStream, EventKind::kKernel, 1, "..C"}},
                              2));
  EXPECT_EQ(outline(*scene),
            "drawn\n  rank 0\n    stream 7\n    thread 1\n  rank 1\n    stream 20\n");
}

TEST(Scene, everyEventIsInExactlyOneBlock) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    const auto trace = test::randomTrace(seed, 6, 4000);
    const auto scene = test::sceneOf(trace);
    std::vector<int> seen(trace->eventCount(), 0);
    for (const Row& row : scene->rows) {
      for (const Lane& lane : row.lanes) {
        for (size_t i = 0; i < lane.size(); ++i) ++seen[lane.source(i)];
      }
    }
    for (size_t e = 0; e < seen.size(); ++e) EXPECT_EQ(seen[e], 1) << "event " << e;
  }
}

TEST(Scene, aPipelineIsShownByStageWithPassesAndBubbles) {
  const auto pipeline = test::drawPipeline(4, 6, 2);
  const auto scene = test::sceneOf(pipeline);
  EXPECT_EQ(outline(*scene), "drawn\n  stage 0\n  stage 1\n  stage 2\n  stage 3\n");
  ASSERT_EQ(scene->rows[1].lanes.size(), 1U);
  EXPECT_EQ(scene->rows[1].lanes[0].size(), 2U * 12);
  EXPECT_EQ(scene->runs[0].steps.size(), 2U);
}

TEST(Scene, passesAndBubblesOfAStageFillItsStepsWithoutOverlap) {
  const auto pipeline = test::drawPipeline(4, 6, 2);
  const auto scene = test::sceneOf(pipeline);
  for (uint32_t row = 1; row <= 4; ++row) {
    const Lane& passes = scene->rows[row].lanes[0];
    const Lane& bubbles = scene->rows[row].bubbles;
    std::vector<Block> all;
    for (size_t i = 0; i < passes.size(); ++i) all.push_back(passes[i]);
    for (size_t i = 0; i < bubbles.size(); ++i) all.push_back(bubbles[i]);
    std::sort(all.begin(), all.end(),
              [](const Block& a, const Block& b) { return a.beginNs < b.beginNs; });
    int64_t end = scene->range.beginNs;
    for (const Block& block : all) {
      EXPECT_EQ(block.beginNs, end) << "row " << row;
      end = block.endNs;
    }
    EXPECT_EQ(end, scene->range.endNs);
  }
}

TEST(Scene, groupedByRankAPipelineShowsItsRanksWithAllTheirTracks) {
  const auto pipeline = test::drawPipeline(2, 3, 1);
  const auto scene = buildScene({{"drawn", pipeline.trace, pipeline.model, {}, Grouping::kByRank}});
  EXPECT_EQ(outline(*scene), "drawn\n  rank 0\n    passes\n  rank 1\n    passes\n");
}

TEST(Scene, bubblesKeepTheirCause) {
  const auto scene = test::sceneOf(test::drawPipeline(2, 3, 1));
  for (const Row& row : scene->rows) {
    for (size_t i = 0; i < row.bubbles.size(); ++i) {
      const Block block = row.bubbles[i];
      EXPECT_EQ(causeOf(block.style.paint), scene->bubbles[block.source].cause);
      EXPECT_EQ(block.span(), scene->bubbles[block.source].span);
    }
  }
}

TEST(Scene, runsAreAlignedWhereTheyAskFor) {
  const auto trace = drawTrace({{"s", TrackKind::kGpuStream, EventKind::kKernel, 0, "..AA..BB"}});
  const auto scene =
      buildScene({{"measured", trace, nullptr, {}}, {"predicted", trace, nullptr, 60}});
  ASSERT_EQ(scene->runs.size(), 2U);
  EXPECT_EQ(scene->rows[2].lanes[0][0].beginNs, 0) << "a run starts at zero by itself";
  EXPECT_EQ(scene->rows[5].lanes[0][0].beginNs, 20 - 60);
  EXPECT_EQ(scene->range, (Span{-40, 60}));
}

TEST(Scene, stagesOfSeveralRunsStartFoldedSoThatTheRunsLieBelowEachOther) {
  const auto pipeline = test::drawPipeline(2, 3, 1);
  const RunInput run{"run", pipeline.trace, pipeline.model, {}};
  EXPECT_EQ(buildScene({run})->rows[1].fold, InitialFold::kOpen);
  EXPECT_EQ(buildScene({run, run})->rows[1].fold, InitialFold::kFolded);
}

TEST(Scene, pythonCallsAndInstantsHaveFoldedRowsOfTheirOwn) {
  const auto scene =
      test::sceneOf(drawTrace({{"t", TrackKind::kCpuThread, EventKind::kPythonFunction, 0, "AAA"},
                               {"u", TrackKind::kCpuThread, EventKind::kInstant, 0, "B"}}));
  ASSERT_EQ(scene->rows.size(), 4U);
  EXPECT_EQ(scene->rows[2].label, "t python");
  EXPECT_EQ(scene->rows[3].label, "u instants");
  EXPECT_EQ(scene->rows[2].fold, InitialFold::kFolded);
}

TEST(Scene, communicationKernelsAreToldByTheTable) {
  trace::TraceBuilder builder;
  builder.addRank({});
  trace::Track track;
  track.kind = TrackKind::kGpuStream;
  builder.addTrack(track);
  builder.add({0, EventKind::kKernel, builder.intern("ncclDevKernel_AllReduce_Sum"), 0, 10, 0});
  builder.add({0, EventKind::kKernel, builder.intern("gemm"), 10, 10, 0});
  const auto scene = test::sceneOf(std::move(builder).finish());
  const Lane& blocks = scene->rows[2].lanes[0];
  EXPECT_EQ(blocks[0].style.paint, Paint::kComm);
  EXPECT_EQ(blocks[1].style.paint, Paint::kCompute);
}

TEST(Scene, eventsAreFoundAgain) {
  const auto trace = test::randomTrace(11, 4, 500);
  const auto scene = test::sceneOf(trace);
  for (trace::EventIndex e = 0; e < trace->eventCount(); ++e) {
    const BlockRef ref = findEvent(*scene, 0, e);
    ASSERT_TRUE(ref.valid()) << e;
    EXPECT_EQ(blockOf(*scene, ref).source, e);
  }
}

TEST(Scene, arrangingStopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(buildScene({{"r", test::randomTrace(1, 4, 500), nullptr, {}}}, stop.get_token()),
            nullptr);
}

TEST(Scene, anEmptyTraceHasARunAndNothingElse) {
  const auto scene = test::sceneOf(drawTrace({}, 0));
  EXPECT_EQ(scene->rows.size(), 1U);
  EXPECT_EQ(scene->blockCount(), 0U);
}

}  // namespace
}  // namespace caracal::ui
