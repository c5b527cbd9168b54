// Tables with HTA's definitions, on traces small enough to add up by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/analysis/kernel_breakdown.h"
#include "core/analysis/stragglers.h"
#include "core/analysis/tables.h"
#include "tests/core/analysis/gpu_fixture.h"

namespace caracal::analysis {
namespace {

using fixture::GpuRank;
using fixture::kAllReduceKernel;
using testing::HasSubstr;
using trace::TraceBuilder;

DataTable tableOf(std::string_view name, std::shared_ptr<const trace::Trace> trace) {
  const CommNames comm;
  const PreparedRun run = prepareRun(std::move(trace), comm);
  auto table = makeTable(name, {run, comm});
  EXPECT_TRUE(table) << table.error().text();
  return table ? *table : DataTable{};
}

// Compute 0-100 and 150-200, all-reduce 80-160, copy 210-220; idle 200-210.
std::shared_ptr<const trace::Trace> mixedTrace() {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  gpu.work(7, "gemm", 0, 100);
  gpu.work(7, "gemm", 150, 200);
  gpu.work(20, kAllReduceKernel, 80, 160);
  gpu.work(7, "Memcpy HtoD", 210, 220, {}, trace::EventKind::kMemcpy);
  return std::move(builder).finish();
}

TEST(HtaTables, temporalBreakdownSplitsTheSpanOfTheGpu) {
  const auto table = tableOf("temporal-breakdown", mixedTrace());
  ASSERT_EQ(table.rows.size(), 1u);
  const auto& row = table.rows[0];
  EXPECT_EQ(row[2], Cell(int64_t{10}));   // idle
  EXPECT_EQ(row[3], Cell(int64_t{150}));  // compute
  EXPECT_EQ(row[4], Cell(int64_t{60}));   // the all-reduce alone and the copy
  EXPECT_EQ(row[5], Cell(int64_t{220}));
  EXPECT_DOUBLE_EQ(std::get<double>(row[6]), 100.0 * 10 / 220);
}

TEST(HtaTables, overlapIsTheShareOfCommunicationBesideComputation) {
  const auto table = tableOf("comm-overlap", mixedTrace());
  EXPECT_EQ(table.rows[0][2], Cell(int64_t{80}));
  EXPECT_EQ(table.rows[0][3], Cell(int64_t{30}));
  EXPECT_DOUBLE_EQ(std::get<double>(table.rows[0][4]), 37.5);
}

TEST(HtaTables, kernelTypesAreExclusiveAndSumUpOverRanks) {
  TraceBuilder builder;
  for (int32_t rank = 0; rank < 2; ++rank) {
    GpuRank gpu(builder, rank);
    gpu.work(7, "gemm", 0, 100);
    gpu.work(20, kAllReduceKernel, 80, 160);
    gpu.work(21, "Memset", 90, 110, {}, trace::EventKind::kMemset);
  }
  const auto trace = std::move(builder).finish();
  const auto types = kernelTypeTimes(*trace, CommNames{}, MemoryOperations::kIgnored);
  ASSERT_EQ(types.size(), 3u);
  EXPECT_EQ(types[0].types, "COMPUTATION");
  EXPECT_EQ(types[0].sumNs, 2 * 80);
  EXPECT_EQ(types[1].types, "COMMUNICATION");
  EXPECT_EQ(types[1].sumNs, 2 * 60);
  EXPECT_EQ(types[2].types, "COMPUTATION overlapping COMMUNICATION");
  EXPECT_EQ(types[2].sumNs, 2 * 20);
  EXPECT_DOUBLE_EQ(types[0].percentage, 50.0);
  const auto all = kernelTypeTimes(*trace, CommNames{}, MemoryOperations::kCounted);
  int64_t sumNs = 0;
  for (const KernelTypeTime& row : all) sumNs += row.sumNs;
  EXPECT_EQ(sumNs, 2 * 160);
  EXPECT_EQ(all.back().types, "COMPUTATION overlapping COMMUNICATION overlapping MEMORY");
  EXPECT_EQ(all.back().sumNs, 2 * 10);
}

TEST(HtaTables, kernelsHaveTheStatisticsOfASample) {
  const auto rows = kernelStatistics(*mixedTrace(), CommNames{});
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].name, "gemm");
  EXPECT_EQ(rows[0].calls, 2);
  EXPECT_EQ(rows[0].sumNs, 150);
  EXPECT_DOUBLE_EQ(rows[0].meanNs, 75);
  EXPECT_DOUBLE_EQ(rows[0].stdNs, std::sqrt(2 * 25.0 * 25.0));
  EXPECT_EQ(rows[0].minNs, 50);
  EXPECT_EQ(rows[0].maxNs, 100);
  EXPECT_EQ(rows[1].type, KernelType::kCommunication);
  EXPECT_EQ(rows[2].type, KernelType::kMemory);
  EXPECT_EQ(rows[2].stdNs, 0);
}

TEST(HtaTables, gapsAreTheHostsTheHardwaresOrOthers) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  gpu.launched(0, 5, 7, "a", 10, 100);
  gpu.launched(20, 5, 7, "b", 120, 200);      // launched in time, 20 ns gap: kernel wait
  gpu.launched(30, 5, 7, "c", 1200, 1300);    // launched in time, 1000 ns gap: other
  gpu.launched(1400, 5, 7, "d", 1450, 1500);  // launched after the one before ended: host wait
  gpu.work(7, "e", 1600, 1700);               // no launch recorded, long gap: other
  const auto trace = std::move(builder).finish();
  const auto gaps = streamGaps(*trace);
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(gaps[0].stream, 7);
  EXPECT_EQ(gaps[0].causeNs[static_cast<size_t>(GapCause::kHostWait)], 150);
  EXPECT_EQ(gaps[0].causeNs[static_cast<size_t>(GapCause::kKernelWait)], 20);
  EXPECT_EQ(gaps[0].causeNs[static_cast<size_t>(GapCause::kOther)], 1100);
  EXPECT_EQ(streamGaps(*trace, 1001)[0].causeNs[static_cast<size_t>(GapCause::kKernelWait)],
            20 + 1000 + 100);
}

TEST(HtaTables, queueLengthCountsLaunchedAndNotYetBegun) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  gpu.launched(0, 5, 7, "a", 100, 200);
  gpu.launched(10, 5, 7, "b", 200, 300);
  gpu.launched(400, 5, 7, "c", 410, 420);
  gpu.work(7, "unknown launch", 430, 440);
  const auto rows = queueLengths(*std::move(builder).finish());
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].changes, 6);  // lengths 1 2 1 0 1 0
  EXPECT_DOUBLE_EQ(rows[0].mean, 5.0 / 6);
  EXPECT_EQ(rows[0].least, 0);
  EXPECT_EQ(rows[0].most, 2);
  EXPECT_DOUBLE_EQ(rows[0].quarter, 0.25);
  EXPECT_DOUBLE_EQ(rows[0].half, 1);
  EXPECT_DOUBLE_EQ(rows[0].threeQuarters, 1);
  EXPECT_EQ(rows[0].fullNs, 0);
}

TEST(HtaTables, launchesTellShortKernelsLongCallsAndLongDelays) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  gpu.launched(0, 10'000, 7, "short", 20'000, 25'000);
  gpu.launched(100'000, 60'000, 7, "long call", 170'000, 171'000);
  gpu.launched(200'000, 10'000, 7, "late", 400'000, 500'000);
  const auto rows = launchStatistics(*std::move(builder).finish());
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].launches, 3);
  EXPECT_EQ(rows[0].shortKernels, 1);
  EXPECT_EQ(rows[0].longCalls, 1);
  EXPECT_EQ(rows[0].longDelays, 1);
  EXPECT_EQ(rows[0].medianCallNs, 10'000);
  EXPECT_EQ(rows[0].medianOperationNs, 5'000);
  EXPECT_EQ(rows[0].medianDelayNs, 10'000);
}

// Four ranks, two iterations; rank 2 comes to the long all-reduce last.
TEST(HtaTables, stragglersStartTheLongestCollectiveLast) {
  TraceBuilder builder;
  for (int32_t rank = 0; rank < 4; ++rank) {
    GpuRank gpu(builder, rank);
    for (int32_t step = 0; step < 3; ++step) {
      const int64_t t = step * 1000;
      gpu.annotation("ProfilerStep#" + std::to_string(step), t, t + 1000);
      gpu.launched(t + 10, 5, 7, "gemm", t + 20, t + 300);
      const int64_t start = t + (rank == 2 ? 700 : 400 + rank);
      gpu.launched(t + 30, 5, 20, kAllReduceKernel, start, t + 900);
      gpu.launched(t + 40, 5, 21, kAllReduceKernel, t + 900, t + 905);  // too short to matter
    }
  }
  const auto trace = std::move(builder).finish();
  const auto found = findStragglers(*trace, CommNames{});
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->stream, 20);
  ASSERT_EQ(found->samples.size(), 8u);  // iteration 0 is left out
  for (const StragglerSample& sample : found->samples) {
    EXPECT_EQ(sample.candidate, sample.rank == 2 || sample.rank == 3) << sample.rank;
    EXPECT_GE(sample.iteration, 1);
  }
  EXPECT_DOUBLE_EQ(found->samples[2].normalizedStart, 1.7);
}

TEST(HtaTables, whatATraceDoesNotHoldIsSaid) {
  TraceBuilder builder;
  builder.addRank({.rank = 0});
  const CommNames comm;
  const PreparedRun run = prepareRun(std::move(builder).finish(), comm);
  for (const char* name :
       {"kernels", "kernel-types", "idle-breakdown", "queue-length", "launches", "stragglers"}) {
    const auto table = makeTable(name, {run, comm});
    ASSERT_FALSE(table) << name;
    EXPECT_EQ(table.error().code, ErrorCode::kCannotAnswer) << name;
  }
  const auto unknown = makeTable("no-such", {run, comm});
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("idle-breakdown"));
}

TEST(DataTables, csvQuotesWhatItMustAndKeepsFullNumbers) {
  const DataTable table{
      "t",
      {{"name"}, {"spanNs", Unit::kNs}, {"share", Unit::kPercent}},
      {{std::string("void f<a, b>(\"x\")"), int64_t{1'700'000'000'123'456'789}, Cell{}},
       {std::string("plain"), int64_t{-1}, 12.5}},
      {}};
  EXPECT_EQ(toCsv(table),
            "name,spanNs,share\r\n"
            "\"void f<a, b>(\"\"x\"\")\",1700000000123456789,\r\n"
            "plain,-1,12.5\r\n");
  const auto json = toJson(table);
  EXPECT_EQ(json.at("rows").at(0).at("spanNs"), 1'700'000'000'123'456'789);
  EXPECT_TRUE(json.at("rows").at(0).at("share").is_null());
  EXPECT_THAT(toText(table).render(), HasSubstr("12.50 %"));
}

TEST(DataTables, pointsInTimeCountFromTheBeginOfTheRunForPeopleOnly) {
  DataTable table{"t", {{"startNs", Unit::kTime}}, {{int64_t{1'700'000'000'001'500'250}}}, {}};
  table.originNs = 1'700'000'000'000'000'000;
  EXPECT_EQ(toText(table, 0, 0), "1.500 ms");
  EXPECT_EQ(heading(table.columns[0]), "start");
  EXPECT_EQ(toCsv(table), "startNs\r\n1700000000001500250\r\n");
}

}  // namespace
}  // namespace caracal::analysis
