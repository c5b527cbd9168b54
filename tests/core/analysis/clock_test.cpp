// Clocks of ranks from operations that end together; recordings that are kept apart.
#include "core/analysis/clock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "core/analysis/collective_summary.h"
#include "core/analysis/prepared_run.h"
#include "core/analysis/rank_tables.h"
#include "core/analysis/recordings.h"
#include "tests/core/analysis/gpu_fixture.h"

namespace caracal::analysis {
namespace {

using fixture::GpuRank;
using fixture::kAllReduceKernel;
using testing::HasSubstr;
using trace::TraceBuilder;

struct Skew {
  int64_t offsetNs = 0;  // what the rank's clock shows more than the first one's
  double driftPpm = 0;
};

// All-reduces every millisecond; all ranks end within `jitterNs`. Rank r starts 1000 (r + 1) ns
// before the end, so that rank 0 always comes last.
std::shared_ptr<const trace::Trace> skewedRun(const std::vector<Skew>& skews, int64_t jitterNs,
                                              bool sequenceNumbers, uint32_t seed,
                                              int calls = 200) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int64_t> jitter(0, jitterNs);
  TraceBuilder builder;
  const uint32_t group =
      builder.addGroup({.name = "all", .size = static_cast<int32_t>(skews.size())});
  for (size_t r = 0; r < skews.size(); ++r) {
    const auto number = static_cast<int32_t>(r);
    GpuRank gpu(builder, number, "rank" + std::to_string(r) + ".json");
    builder.rank(gpu.index()).host = "host" + std::to_string(r);
    for (int i = 0; i < calls; ++i) {
      const int64_t trueEndNs = 1'000'000'000 + int64_t{i} * 1'000'000 + jitter(random);
      const auto local = [&](int64_t t) {
        return t + skews[r].offsetNs +
               static_cast<int64_t>(skews[r].driftPpm * 1e-6 * static_cast<double>(t));
      };
      trace::EventArgs args{.bytes = 1 << 20, .group = group};
      if (sequenceNumbers) args.sequence = i;
      gpu.work(20, kAllReduceKernel, local(trueEndNs - 100'000 * (number + 1)), local(trueEndNs),
               args);
    }
  }
  return std::move(builder).finish();
}

TEST(Clock, offsetAndDriftAreFoundAndTakenOut) {
  for (uint32_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto trace = skewedRun({{0, 0}, {1'600'000, 0}, {-700'000, 40}}, 2000, true, seed);
    const PreparedRun run = prepareRun(trace, CommNames{});
    ASSERT_TRUE(run.clocks.anyCorrected());
    EXPECT_FALSE(run.clocks.ranks[0].corrected);
    EXPECT_EQ(run.clocks.ranks[0].offset.offset, 0);
    EXPECT_NEAR(static_cast<double>(run.clocks.ranks[1].offset.offset), -1.6e6, 2000);
    EXPECT_NEAR(run.clocks.ranks[2].offset.slope * 1e6, -40, 5);
    EXPECT_LE(run.clocks.ranks[2].residualP90Ns, 2500);
    EXPECT_LE(run.clocks.resolutionNs, 4000);
    EXPECT_EQ(run.collectives.matched.size(), 200u);
    for (const MatchedCollective& match : run.collectives.matched) {
      EXPECT_EQ(match.lastRankIndex, 0u);
      EXPECT_NEAR(static_cast<double>(match.members[2].waitNs), 200'000, 5000);
    }
    EXPECT_EQ(run.trace->metaOr("clockCorrected", ""), "2");
  }
}

TEST(Clock, aThirdOfTheObservationsMayBeWrongWithoutHarm) {
  std::vector<LinePoint> points;
  for (int64_t i = 0; i < 100; ++i) points.push_back({i * 1000, i % 3 == 0 ? 1'000'000 : 500});
  const RobustLine line = fitLine(points);
  EXPECT_EQ(line.at(50'000), 500);
}

TEST(Clock, clocksFarApartAreFoundWithoutSequenceNumbersWhenAllCallsAreThere) {
  // 4 ms apart: no member overlaps before correction.
  const auto trace = skewedRun({{0, 0}, {4'000'000, 0}}, 1000, false, 7);
  const PreparedRun run = prepareRun(trace, CommNames{});
  EXPECT_NEAR(static_cast<double>(run.clocks.ranks[1].offset.offset), -4e6, 1500);
  EXPECT_EQ(run.collectives.matched.size(), 200u);
}

TEST(Clock, ranksOfOneHostAreLeftAlone) {
  TraceBuilder builder;
  for (int32_t r = 0; r < 2; ++r) {
    GpuRank gpu(builder, r, r == 0 ? "a.json" : "b.json");
    builder.rank(gpu.index()).host = "same";
    for (int64_t i = 0; i < 50; ++i)
      gpu.work(20, kAllReduceKernel, i * 1000, i * 1000 + 500 + r * 30, {.sequence = i});
  }
  auto trace = std::move(builder).finish();
  const PreparedRun run = prepareRun(trace, CommNames{});
  EXPECT_FALSE(run.clocks.anyCorrected());
  EXPECT_EQ(run.trace, trace);
  EXPECT_EQ(run.clocks.ranks[1].offset.offset, -30);
  EXPECT_EQ(run.clocks.resolutionNs, 30);  // the offset left in is part of what cannot be told
}

TEST(Clock, claimsBelowTheResidualAreRefused) {
  // Rank 1 comes 10 ns later; ends lie up to 400 ns apart.
  TraceBuilder builder;
  for (int32_t r = 0; r < 2; ++r) {
    GpuRank gpu(builder, r);
    for (int64_t i = 0; i < 50; ++i)
      gpu.work(20, kAllReduceKernel, i * 10'000 + 10 * r, i * 10'000 + 5000 + (r == i % 2) * 400,
               {.bytes = 1000, .sequence = i});
  }
  const PreparedRun run = prepareRun(std::move(builder).finish(), CommNames{});
  EXPECT_EQ(run.clocks.resolutionNs, 400);
  const auto rows = summarizeCollectives(*run.trace, run.collectives, run.clocks.resolutionNs);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].latestRank, -1);
  EXPECT_EQ(rows[0].untoldCalls, 50);
  const CommNames comm;
  const auto table = makeTable("collective-calls", {run, comm});
  ASSERT_TRUE(table);
  EXPECT_EQ(table->rows[0].back(), Cell());
  EXPECT_THAT(table->notes.back(), HasSubstr("cannot tell: differences below 400 ns"));
}

TEST(Clock, movedTracesKeepLaunchesArgumentsCountersAndFlows) {
  TraceBuilder builder;
  const uint32_t group = builder.addGroup({.name = "g", .size = 2});
  for (int32_t r = 0; r < 2; ++r) {
    GpuRank gpu(builder, r, r == 0 ? "a" : "b");
    builder.rank(gpu.index()).host = r == 0 ? "x" : "y";
    const int64_t shift = r * 5'000'000;
    for (int64_t i = 0; i < 20; ++i) {
      gpu.launched(shift + i * 1000, 100, 20, kAllReduceKernel, shift + i * 1000 + 200,
                   shift + i * 1000 + 700, {.bytes = 7, .sequence = i, .group = group});
    }
    builder.addCounter({.name = "memory",
                        .unit = "bytes",
                        .rank = gpu.index(),
                        .timesNs = {shift, shift + 10},
                        .values = {1, 2}});
  }
  const auto before = std::move(builder).finish();
  const PreparedRun run = prepareRun(before, CommNames{});
  const trace::Trace& after = *run.trace;
  ASSERT_TRUE(run.clocks.anyCorrected());
  ASSERT_EQ(after.eventCount(), before->eventCount());
  for (trace::EventIndex e = 0; e < after.eventCount(); ++e) {
    const int64_t moved = after.tracks()[after.trackOf(e)].rank == 1 ? 5'000'000 : 0;
    EXPECT_EQ(after.beginNs(e), before->beginNs(e) - moved);
    EXPECT_EQ(after.durationNs(e), before->durationNs(e));
    EXPECT_EQ(after.name(e), before->name(e));
    EXPECT_EQ(after.launch(e), before->launch(e));
    if (const auto args = before->args(e)) {
      EXPECT_EQ(*after.args(e), *args);
    }
  }
  EXPECT_EQ(after.counters()[1].timesNs.front(), 0);
  EXPECT_EQ(after.report().counts, before->report().counts);
}

TEST(Recordings, theSameRanksTwiceAreTwoRecordings) {
  std::vector<TraceBuilder> builders(2);
  for (int i = 0; i < 2; ++i) {
    auto& builder = builders[static_cast<size_t>(i)];
    GpuRank gpu(builder, 0, i == 0 ? "first.json" : "second.json");
    gpu.work(7, "gemm", 0, 100);
  }
  const auto trace = TraceBuilder::merge(std::move(builders));
  const Recordings recordings = findRecordings(*trace);
  ASSERT_EQ(recordings.list.size(), 2u);
  ASSERT_EQ(recordings.reasons.size(), 1u);
  EXPECT_THAT(recordings.reasons[0], HasSubstr("both hold the same ranks"));
}

TEST(Recordings, timesThatDoNotOverlapAreNotMerged) {
  TraceBuilder builder;
  GpuRank a(builder, 0, "a.json");
  GpuRank b(builder, 1, "b.json");
  a.work(20, kAllReduceKernel, 0, 100);
  b.work(20, kAllReduceKernel, 5000, 5100);
  const auto trace = std::move(builder).finish();
  const PreparedRun run = prepareRun(trace, CommNames{});
  EXPECT_EQ(run.clocks.recordings, 2);
  EXPECT_TRUE(run.collectives.matched.empty());
  EXPECT_THAT(clockSentences(run.clocks).front(), HasSubstr("their times do not overlap"));
}

TEST(Recordings, oneRunOnClocksElevenSecondsApartIsOneRecording) {
  const auto trace = skewedRun({{0, 0}, {11'560'000'000, 0}}, 1000, true, 3);
  const PreparedRun run = prepareRun(trace, CommNames{});
  EXPECT_EQ(run.clocks.recordings, 1);
  EXPECT_NEAR(static_cast<double>(run.clocks.ranks[1].offset.offset), -11.56e9, 2000);
}

TEST(Transfers, theNthSendIsTheNthReceive) {
  TraceBuilder builder;
  for (int32_t r = 0; r < 2; ++r) {
    GpuRank gpu(builder, r);
    const auto kind = r == 0 ? trace::CollectiveKind::kSend : trace::CollectiveKind::kRecv;
    // The receiver began to record one transfer later.
    for (int64_t i = r; i < 4; ++i)
      gpu.work(21, "ncclDevKernel_SendRecv", i * 1000, i * 1000 + 500,
               {.peer = 1 - r, .collective = kind});
  }
  const auto trace = std::move(builder).finish();
  const TransferMatching matching = matchTransfers(*trace, CommNames{});
  ASSERT_EQ(matching.matched.size(), 3u);
  EXPECT_EQ(matching.unmatchedEvents, 1);
  for (const MatchedTransfer& match : matching.matched) {
    EXPECT_EQ(trace->endNs(match.send), trace->endNs(match.receive));
    EXPECT_EQ(match.sender, 0u);
    EXPECT_EQ(match.receiver, 1u);
  }
}

TEST(Bandwidth, factorsAreThoseOfNcclTests) {
  using trace::CollectiveKind;
  EXPECT_DOUBLE_EQ(busFactor(CollectiveKind::kAllReduce, 4), 1.5);
  EXPECT_DOUBLE_EQ(busFactor(CollectiveKind::kAllGather, 4), 0.75);
  EXPECT_DOUBLE_EQ(busFactor(CollectiveKind::kReduceScatter, 8), 0.875);
  EXPECT_DOUBLE_EQ(busFactor(CollectiveKind::kAllToAll, 2), 0.5);
  EXPECT_DOUBLE_EQ(busFactor(CollectiveKind::kBroadcast, 2), 1);
  EXPECT_DOUBLE_EQ(busFactor(CollectiveKind::kGeneric, 2), 0);
}

// 1 MB per rank in 100 us on two ranks: an all-gather moves 2 MB, 20 GB/s; half of it on the bus.
TEST(Bandwidth, anAllGatherMovesTheShardsOfAllMembers) {
  TraceBuilder builder;
  for (int32_t r = 0; r < 2; ++r) {
    GpuRank gpu(builder, r);
    gpu.work(20, "ncclDevKernel_AllGather_RING_LL", 0, 100'000, {.bytes = 1'000'000});
  }
  const PreparedRun run = prepareRun(std::move(builder).finish(), CommNames{});
  const auto rows = summarizeCollectives(*run.trace, run.collectives, run.clocks.resolutionNs);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_DOUBLE_EQ(rows[0].algorithmGBps, 20);
  EXPECT_DOUBLE_EQ(rows[0].busGBps, 10);
}

}  // namespace
}  // namespace caracal::analysis
