#include "core/analysis/collectives.h"

#include <gtest/gtest.h>

#include "core/trace/trace_builder.h"

namespace caracal::analysis {
namespace {

using trace::CollectiveKind;
using trace::EventArgs;
using trace::EventKind;
using trace::TraceBuilder;
using trace::TrackIndex;
using trace::TrackKind;

struct Gpu {
  TraceBuilder& builder;
  TrackIndex stream;
  void kernel(std::string_view name, int64_t beginNs, int64_t endNs,
              const EventArgs& args = {}) const {
    builder.add({stream, EventKind::kKernel, builder.intern(name), beginNs, endNs - beginNs}, args);
  }
  void allReduce(int64_t beginNs, int64_t endNs, const EventArgs& args = {}) const {
    kernel("ncclDevKernel_AllReduce_Sum_f16_RING_LL", beginNs, endNs, args);
  }
};

Gpu addGpu(TraceBuilder& builder, int32_t number) {
  const uint32_t rank = builder.addRank({.rank = number, .device = number});
  return {builder,
          builder.addTrack({.kind = TrackKind::kGpuStream, .rank = rank, .device = number})};
}

CollectiveMatching matchOf(TraceBuilder builder) {
  return matchCollectives(*std::move(builder).finish(), CommNames{});
}

TEST(Collectives, waitIsUntilTheLastRankCameAndTransferIsWhatFollows) {
  TraceBuilder builder;
  const Gpu a = addGpu(builder, 0);
  const Gpu b = addGpu(builder, 1);
  a.allReduce(100, 250, {.bytes = 64});
  b.allReduce(180, 252, {.bytes = 64});
  const auto matching = matchOf(std::move(builder));
  ASSERT_EQ(matching.matched.size(), 1u);
  const MatchedCollective& match = matching.matched[0];
  EXPECT_EQ(match.kind, CollectiveKind::kAllReduce);
  EXPECT_EQ(match.lastStartNs, 180);
  EXPECT_EQ(match.transferNs, 70);
  EXPECT_EQ(match.lastRankIndex, 1u);
  EXPECT_EQ(match.bytes, 64);
  ASSERT_EQ(match.members.size(), 2u);
  EXPECT_EQ(match.members[0].waitNs, 80);
  EXPECT_EQ(match.members[1].waitNs, 0);
  EXPECT_EQ(matching.unmatchedEvents, 0);
}

TEST(Collectives, differentWindowsAreAlignedByTheEndsAndTheRestIsCounted) {
  TraceBuilder builder;
  const Gpu a = addGpu(builder, 0);
  const Gpu b = addGpu(builder, 1);
  for (int64_t i = 0; i < 5; ++i) a.allReduce(i * 1000, i * 1000 + 300);
  for (int64_t i = 2; i < 5; ++i)
    b.allReduce(i * 1000 + 200, i * 1000 + 301);  // began recording late
  const auto matching = matchOf(std::move(builder));
  ASSERT_EQ(matching.matched.size(), 3u);
  EXPECT_EQ(matching.unmatchedEvents, 2);
  for (const MatchedCollective& match : matching.matched) EXPECT_EQ(match.transferNs, 100);
}

TEST(Collectives, sequenceNumbersWinOverOrder) {
  TraceBuilder builder;
  const Gpu a = addGpu(builder, 0);
  const Gpu b = addGpu(builder, 1);
  a.allReduce(0, 10, {.sequence = 6});
  a.allReduce(100, 110, {.sequence = 7});
  b.allReduce(100, 110, {.sequence = 7});
  b.allReduce(200, 210, {.sequence = 8});
  const auto matching = matchOf(std::move(builder));
  ASSERT_EQ(matching.matched.size(), 1u);
  EXPECT_EQ(matching.matched[0].ordinal, 7);
  EXPECT_EQ(matching.unmatchedEvents, 2);
}

TEST(Collectives, groupsAreKeptApart) {
  TraceBuilder builder;
  const uint32_t left = builder.addGroup({.name = "left", .ranks = {0, 1}, .size = 2});
  const uint32_t right = builder.addGroup({.name = "right", .ranks = {2, 3}, .size = 2});
  for (int32_t rank = 0; rank < 4; ++rank) {
    addGpu(builder, rank).allReduce(rank * 10, 100, {.group = rank < 2 ? left : right});
  }
  const auto matching = matchOf(std::move(builder));
  ASSERT_EQ(matching.matched.size(), 2u);
  EXPECT_EQ(matching.matched[0].group, left);
  EXPECT_EQ(matching.matched[0].lastRankIndex, 1u);
  EXPECT_EQ(matching.matched[1].group, right);
  EXPECT_EQ(matching.matched[1].lastRankIndex, 3u);
}

TEST(Collectives, stepsComeFromTheLaunchAndBoundTheOrder) {
  // Rank 1 misses the first call of step 4: only step 5 can be matched by order.
  TraceBuilder builder;
  for (int32_t number = 0; number < 2; ++number) {
    const Gpu gpu = addGpu(builder, number);
    const TrackIndex host =
        builder.addTrack({.kind = TrackKind::kCpuThread, .rank = builder.track(gpu.stream).rank});
    builder.add({host, EventKind::kAnnotation, builder.intern("ProfilerStep#4"), 0, 100});
    builder.add({host, EventKind::kAnnotation, builder.intern("ProfilerStep#5"), 100, 100});
    const auto call = [&](uint64_t correlation, int64_t launchNs, int64_t beginNs) {
      builder.add({host, EventKind::kRuntime, builder.intern("cudaLaunchKernel"), launchNs, 1,
                   correlation});
      builder.add({gpu.stream, EventKind::kKernel, builder.intern("ncclKernel_AllGather_RING"),
                   beginNs, 50, correlation});
    };
    if (number == 0) call(1, 50, 1000);
    call(2, 150, 2000 + number);
  }
  const auto matching = matchOf(std::move(builder));
  ASSERT_EQ(matching.matched.size(), 1u);
  EXPECT_EQ(matching.matched[0].step, 5);
  EXPECT_EQ(matching.matched[0].lastRankIndex, 1u);
  EXPECT_EQ(matching.unmatchedEvents, 1);
}

TEST(Collectives, callsThatNeverOverlapAreNotMatchedByOrder) {
  TraceBuilder builder;
  addGpu(builder, 0).allReduce(0, 100);
  addGpu(builder, 1).allReduce(5000, 5100);
  const auto matching = matchOf(std::move(builder));
  EXPECT_TRUE(matching.matched.empty());
  EXPECT_EQ(matching.unmatchedEvents, 2);
}

TEST(Collectives, pointToPointTrafficIsNotACollective) {
  TraceBuilder builder;
  for (int32_t rank = 0; rank < 2; ++rank) {
    const Gpu gpu = addGpu(builder, rank);
    gpu.kernel("ncclDevKernel_SendRecv(ncclDevComm*)", 0, 10);
    gpu.kernel("ncclDevKernel_SendRecv(ncclDevComm*)", 20, 30,
               {.collective = CollectiveKind::kAllToAll});
  }
  const auto matching = matchOf(std::move(builder));
  ASSERT_EQ(matching.matched.size(), 1u);
  EXPECT_EQ(matching.matched[0].kind, CollectiveKind::kAllToAll);
  EXPECT_EQ(matching.unmatchedEvents, 0);
}

TEST(Collectives, lanesOfASchedulePairTensorNeighboursOfOneStage) {
  TraceBuilder builder;
  for (int32_t number = 0; number < 4; ++number) {
    const uint32_t rank = builder.addRank(
        {.rank = number, .stage = number / 2, .tensorIndex = number % 2, .dataIndex = 0});
    const TrackIndex lane =
        builder.addTrack({.kind = TrackKind::kCommLane, .rank = rank, .label = "tp-comm"});
    builder.add({lane, EventKind::kComm, builder.intern("fwd.attn"), number * 5, 100},
                {.sequence = 0, .step = 1, .collective = CollectiveKind::kAllReduce});
  }
  const auto matching = matchOf(std::move(builder));
  ASSERT_EQ(matching.matched.size(), 2u);
  for (const MatchedCollective& match : matching.matched) {
    EXPECT_EQ(match.members.size(), 2u);
    EXPECT_EQ(match.members[0].waitNs, 5);
    EXPECT_EQ(match.transferNs, 95);
  }
}

}  // namespace
}  // namespace caracal::analysis
