// Idle causes of ranks without passes, and memory tables, on traces with known answers.
#include "core/analysis/rank_idle.h"

#include <gtest/gtest.h>

#include "core/analysis/group_roles.h"
#include "core/analysis/tables.h"
#include "tests/core/analysis/gpu_fixture.h"

namespace caracal::analysis {
namespace {

using fixture::GpuRank;
using fixture::kAllReduceKernel;
using trace::TraceBuilder;

int64_t of(const RankStep& step, IdleCause cause) {
  return step.causes[static_cast<size_t>(cause)];
}

// Rank 0: compute 0-100, tensor all-reduce 100-300 (rank 1 comes at 220), copy 300-310, nothing
// until a kernel launched at 350 begins at 360, nothing again 400-450 though launched at 351.
TEST(RankIdle, everyMomentHasItsCause) {
  TraceBuilder builder;
  const uint32_t tensor =
      builder.addGroup({.name = "t", .description = "TENSOR_MODEL_PARALLEL_GROUP", .size = 2});
  for (int32_t r = 0; r < 2; ++r) {
    GpuRank gpu(builder, r);
    gpu.launched(0, 1, 7, "gemm", 1, r == 0 ? 100 : 220);
    gpu.launched(2, 1, 20, kAllReduceKernel, r == 0 ? 100 : 220, 300,
                 {.sequence = 0, .group = tensor});
    gpu.work(7, "Memcpy DtoD", 300, 310, {}, trace::EventKind::kMemcpy);
    gpu.launched(350, 1, 7, "gemm", 360, 400);
    gpu.launched(351, 1, 7, "gemm", 450, 500);
  }
  const auto steps = explainRanks(prepareRun(std::move(builder).finish(), {}), {});
  ASSERT_EQ(steps.size(), 2u);
  const RankStep& first = steps[0];
  EXPECT_EQ(first.span.lengthNs(), 499);
  EXPECT_EQ(first.busyNs, 99 + 40 + 50);
  EXPECT_EQ(of(first, IdleCause::kCollectiveSkew), 120);
  EXPECT_EQ(of(first, IdleCause::kTensorTransfer), 80);
  EXPECT_EQ(of(first, IdleCause::kMemory), 10);
  EXPECT_EQ(of(first, IdleCause::kLaunch), 50);
  EXPECT_EQ(of(first, IdleCause::kUnexplained), 50);
  EXPECT_EQ(of(steps[1], IdleCause::kCollectiveSkew), 0);
}

// A collective of a group that nobody describes, from 100 to 300, and nothing up to 350.
TEST(RankIdle, communicationOfUnknownPurposeIsNamedAsSuch) {
  TraceBuilder builder;
  const uint32_t group =
      builder.addGroup({.name = "9", .description = "undefined", .ranks = {0, 1}, .size = 2});
  GpuRank gpu(builder, 0);
  gpu.launched(0, 1, 7, "gemm", 1, 100);
  gpu.launched(2, 1, 20, kAllReduceKernel, 100, 300, {.sequence = 0, .group = group});
  gpu.launched(3, 1, 7, "gemm", 350, 400);
  const auto steps = explainRanks(prepareRun(std::move(builder).finish(), {}), {});
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_EQ(of(steps[0], IdleCause::kCommunication), 200);
  EXPECT_EQ(of(steps[0], IdleCause::kUnexplained), 50);
  EXPECT_EQ(name(IdleCause::kCommunication), "communication");
}

TEST(RankIdle, stepsAreThoseThatLaunchedTheWork) {
  TraceBuilder builder;
  GpuRank gpu(builder, 0);
  gpu.annotation("ProfilerStep#3", 0, 100);
  gpu.annotation("ProfilerStep#4", 100, 200);
  gpu.launched(10, 1, 7, "gemm", 50, 150);
  gpu.launched(110, 1, 7, "gemm", 160, 300);
  const auto steps = explainRanks(prepareRun(std::move(builder).finish(), {}), {});
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].step, 3);
  EXPECT_EQ(steps[0].span, (Span{50, 160}));
  EXPECT_EQ(steps[0].busyNs, 100);
  EXPECT_EQ(steps[1].span, (Span{160, 300}));
}

TEST(GroupRoles, areReadFromDescriptionsAndNeverGuessed) {
  const auto role = [](const char* description) {
    return roleOf({.name = "", .description = description, .ranks = {}});
  };
  EXPECT_EQ(role("TENSOR_MODEL_PARALLEL_GROUP"), GroupRole::kTensor);
  EXPECT_EQ(role("DATA_PARALLEL_GROUP_WITH_CP"), GroupRole::kData);
  EXPECT_EQ(role("PIPELINE_MODEL_PARALLEL_GROUP"), GroupRole::kPipeline);
  EXPECT_EQ(role("EXPERT_MODEL_PARALLEL_GROUP"), GroupRole::kExpert);
  EXPECT_EQ(role("mesh_dp_shard"), GroupRole::kData);
  for (const char* unknown : {"", "undefined", "default_pg", "MODEL_PARALLEL_GROUP",
                              "TENSOR_AND_DATA_PARALLEL_GROUP", "EMBEDDING_GROUP"})
    EXPECT_EQ(role(unknown), GroupRole::kUnknown) << unknown;
}

TEST(MemoryTables, peaksAndBinsKeepTheExtremes) {
  TraceBuilder builder;
  const uint32_t rank = builder.addRank({.rank = 5});
  trace::CounterSeries series{.name = "memory.allocated", .unit = "bytes", .rank = rank};
  for (int64_t i = 0; i < 1000; ++i) {
    series.timesNs.push_back(i * 10);
    series.values.push_back(i == 777 ? 5000 : 100);
  }
  builder.addCounter(series);
  const CommNames comm;
  const PreparedRun run = prepareRun(std::move(builder).finish(), comm);
  const auto peaks = makeTable("memory-peaks", {run, comm});
  ASSERT_TRUE(peaks);
  ASSERT_EQ(peaks->rows.size(), 1u);
  EXPECT_EQ(peaks->rows[0][5], Cell(int64_t{5000}));
  EXPECT_EQ(peaks->rows[0][6], Cell(int64_t{7770}));
  EXPECT_EQ(peaks->rows[0][8], Cell(int64_t{1}));
  const auto bins = makeTable("memory", {run, comm});
  ASSERT_TRUE(bins);
  EXPECT_EQ(bins->rows.size(), 100u);
  int64_t samples = 0;
  int64_t most = 0;
  for (const auto& row : bins->rows) {
    samples += std::get<int64_t>(row[4]);
    most = std::max(most, std::get<int64_t>(row[6]));
  }
  EXPECT_EQ(samples, 1000);
  EXPECT_EQ(most, 5000);
}

}  // namespace
}  // namespace caracal::analysis
