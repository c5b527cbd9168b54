#include "core/analysis/figures.h"

#include <gtest/gtest.h>

#include "core/trace/trace_builder.h"

namespace caracal::analysis {
namespace {

using trace::EventKind;
using trace::Pass;
using trace::TraceBuilder;
using trace::TrackIndex;
using trace::TrackKind;

// Two streams of device 1: compute [100,200) and [250,300), nccl [150,270), a copy [400,450).
std::shared_ptr<const trace::Trace> gpuRank() {
  TraceBuilder builder;
  const uint32_t rank =
      builder.addRank({.rank = 3, .device = 1, .deviceKey = "pid7/dev1", .sourceRecords = 99});
  const TrackIndex host = builder.addTrack({.kind = TrackKind::kCpuThread, .rank = rank});
  const TrackIndex s7 =
      builder.addTrack({.kind = TrackKind::kGpuStream, .rank = rank, .device = 1, .id = 7});
  const TrackIndex s9 =
      builder.addTrack({.kind = TrackKind::kGpuStream, .rank = rank, .device = 1, .id = 9});
  builder.add({host, EventKind::kCpuOp, builder.intern("aten::mm"), 0, 500});
  builder.add({s7, EventKind::kKernel, builder.intern("gemm"), 100, 100});
  builder.add({s7, EventKind::kKernel, builder.intern("gemm"), 250, 50});
  builder.add({s7, EventKind::kSync, builder.intern("Stream Sync"), 300, 900});
  builder.add({s7, EventKind::kMemcpy, builder.intern("Memcpy HtoD"), 400, 50});
  builder.add(
      {s9, EventKind::kKernel, builder.intern("ncclDevKernel_AllReduce_Sum_f16"), 150, 120});
  return std::move(builder).finish();
}

TEST(DeviceFigures, areUnionsOfTheDevicesWork) {
  const auto rows = deviceFigures(*gpuRank(), CommNames{});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].rank, 3);
  EXPECT_EQ(rows[0].device, "pid7/dev1");
  EXPECT_EQ(rows[0].spanNs, 350);
  EXPECT_EQ(rows[0].computeNs, 150);
  EXPECT_EQ(rows[0].commNs, 120);
  EXPECT_EQ(rows[0].exposedCommNs, 50);
  EXPECT_EQ(rows[0].busyNs, 250);
  EXPECT_EQ(rows[0].idleNs, 100);
  EXPECT_NEAR(rows[0].overlapPct, 100.0 * 70 / 120, 1e-9);
}

TEST(DeviceFigures, aRangeClipsEveryInterval) {
  const auto rows = deviceFigures(*gpuRank(), CommNames{}, Span{200, 420});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].spanNs, 220);  // what ends at 200 does not touch the range
  EXPECT_EQ(rows[0].computeNs, 50);
  EXPECT_EQ(rows[0].commNs, 70);
  EXPECT_EQ(rows[0].exposedCommNs, 50);
  EXPECT_EQ(rows[0].busyNs, 120);
}

TEST(DeviceFigures, aRangeWithoutWorkGivesZeros) {
  const auto rows = deviceFigures(*gpuRank(), CommNames{}, Span{310, 390});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].spanNs, 0);
  EXPECT_EQ(rows[0].busyNs, 0);
  EXPECT_EQ(rows[0].overlapPct, 0);
}

TEST(DeviceFigures, theTableDecidesWhatIsCommunication) {
  const auto rows = deviceFigures(*gpuRank(), CommNames{{"gemm"}});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].commNs, 150);
  EXPECT_EQ(rows[0].computeNs, 120);
}

TEST(DeviceFigures, scheduleWorkStandsInWhereThereAreNoGpuRows) {
  TraceBuilder builder;
  const uint32_t rank = builder.addRank({.rank = 0});
  const TrackIndex passes = builder.addTrack({.kind = TrackKind::kPassLane, .rank = rank});
  const TrackIndex compute = builder.addTrack({.kind = TrackKind::kComputeLane, .rank = rank});
  const TrackIndex comm = builder.addTrack({.kind = TrackKind::kCommLane, .rank = rank});
  builder.add({passes, EventKind::kPass, builder.intern("F"), 0, 100}, {.pass = Pass::kForward});
  builder.add({compute, EventKind::kCompute, builder.intern("qkv"), 0, 40},
              {.pass = Pass::kForward});
  builder.add({comm, EventKind::kComm, builder.intern("fwd.attn"), 40, 40});
  builder.add({compute, EventKind::kRecompute, builder.intern("qkv"), 50, 20});
  const auto rows = deviceFigures(*std::move(builder).finish(), CommNames{});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].device, "");
  EXPECT_EQ(rows[0].computeNs, 60);  // operators, not the pass around them
  EXPECT_EQ(rows[0].commNs, 40);
  EXPECT_EQ(rows[0].exposedCommNs, 20);
  EXPECT_EQ(rows[0].busyNs, 80);
  EXPECT_EQ(rows[0].spanNs, 80);
}

TEST(DeviceFigures, passesAreComputeWhereNoOperatorsAreRecorded) {
  TraceBuilder builder;
  const uint32_t rank = builder.addRank({.rank = 0});
  const TrackIndex passes = builder.addTrack({.kind = TrackKind::kPassLane, .rank = rank});
  const TrackIndex compute = builder.addTrack({.kind = TrackKind::kComputeLane, .rank = rank});
  builder.add({passes, EventKind::kPass, builder.intern("F"), 0, 100}, {.pass = Pass::kForward});
  builder.add({compute, EventKind::kCompute, builder.intern("optimizer"), 150, 50},
              {.pass = Pass::kOptimizer});
  const auto rows = deviceFigures(*std::move(builder).finish(), CommNames{});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].computeNs, 150);
  EXPECT_EQ(rows[0].idleNs, 50);
}

TEST(DeviceFigures, aRankWithoutWorkHasARowOfZeros) {
  TraceBuilder builder;
  const uint32_t rank = builder.addRank({.rank = 5});
  builder.addTrack({.kind = TrackKind::kCpuThread, .rank = rank});
  const auto rows = deviceFigures(*std::move(builder).finish(), CommNames{});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].rank, 5);
  EXPECT_EQ(rows[0].spanNs, 0);
}

TEST(DeviceCounts, countKernelsCopiesAndCollectivesByKind) {
  const auto rows = deviceCounts(*gpuRank(), CommNames{});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].events, 99);
  EXPECT_EQ(rows[0].cpuEvents, 1);
  EXPECT_EQ(rows[0].gpuKernels, 3);
  EXPECT_EQ(rows[0].gpuMemcpy, 1);
  EXPECT_EQ(rows[0].gpuMemset, 0);
  EXPECT_EQ(rows[0].ncclKernels, 1);
  EXPECT_EQ(rows[0].ncclByKind, (std::map<std::string, int64_t>{{"AllReduce", 1}}));
}

TEST(DeviceCounts, twoDevicesOfOneRankCarryTheRanksEventsOnce) {
  TraceBuilder builder;
  const uint32_t rank =
      builder.addRank({.rank = 0, .device = 0, .deviceKey = "0", .sourceRecords = 10});
  const TrackIndex a = builder.addTrack({.kind = TrackKind::kGpuStream, .rank = rank, .device = 0});
  const TrackIndex b = builder.addTrack({.kind = TrackKind::kGpuStream, .rank = rank, .device = 1});
  builder.add({a, EventKind::kKernel, builder.intern("gemm"), 0, 1});
  builder.add({b, EventKind::kKernel, builder.intern("gemm"), 0, 1});
  const auto rows = deviceCounts(*std::move(builder).finish(), CommNames{});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].events + rows[1].events, 10);
  EXPECT_EQ(rows[1].device, "1");
  EXPECT_EQ(rows[1].gpuKernels, 1);
}

}  // namespace
}  // namespace caracal::analysis
