// What a process group is for, by its description and by its traffic.
#include "core/analysis/group_roles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/analysis/structure.h"
#include "tests/core/analysis/pass_fixture.h"

namespace caracal::analysis {
namespace {

using namespace fixture;
using testing::HasSubstr;
using trace::TraceBuilder;

GroupRole roleOfText(const std::string& description, const std::string& name = "7") {
  return roleOf({.name = name, .description = description, .ranks = {}, .size = 2});
}

TEST(GroupWords, descriptionsOfFrameworksSayTheRole) {
  for (const char* text : {"TENSOR_MODEL_PARALLEL_GROUP", "mesh_tp", "tp", "tensor parallel group",
                           "EXPERT_TENSOR_PARALLEL_GROUP"})
    EXPECT_EQ(roleOfText(text), GroupRole::kTensor) << text;
  for (const char* text : {"PIPELINE_MODEL_PARALLEL_GROUP", "mesh_pp", "pipe", "PP_GROUP"})
    EXPECT_EQ(roleOfText(text), GroupRole::kPipeline) << text;
  for (const char* text :
       {"DATA_PARALLEL_GROUP", "DATA_PARALLEL_GROUP_WITH_CP", "DATA_PARALLEL_GROUP_GLOO",
        "INTRA_PARTIAL_DATA_PARALLEL_GROUP_WITH_CP", "EXPERT_DATA_PARALLEL_GROUP", "mesh_dp",
        "mesh_dp_shard", "mesh_dp_replicate", "mesh_dp_shard_cp", "mesh_fsdp", "dp"})
    EXPECT_EQ(roleOfText(text), GroupRole::kData) << text;
  for (const char* text : {"CONTEXT_PARALLEL_GROUP", "mesh_cp", "sequence_parallel_group", "sp"})
    EXPECT_EQ(roleOfText(text), GroupRole::kContext) << text;
  for (const char* text : {"EXPERT_MODEL_PARALLEL_GROUP", "mesh_ep", "ep_group"})
    EXPECT_EQ(roleOfText(text), GroupRole::kExpert) << text;
  EXPECT_EQ(roleOfText("undefined", "tp:0"), GroupRole::kTensor);
  EXPECT_EQ(roleOfText("", "pp_1"), GroupRole::kPipeline);
}

TEST(GroupWords, severalRolesAndUnknownWordsSayNothing) {
  for (const char* text :
       {"default_pg", "undefined", "", "MODEL_PARALLEL_GROUP", "TENSOR_AND_DATA_PARALLEL_GROUP",
        "EXPERT_TENSOR_MODEL_PIPELINE_PARALLEL_GROUP", "EMBEDDING_GROUP", "mesh_dim_0",
        "mesh_dp_tp", "INTRA_DISTRIBUTED_OPTIMIZER_INSTANCE_GROUP", "data_loading", "checkpoint dp",
        "world"})
    EXPECT_EQ(roleOfText(text), GroupRole::kUnknown) << text;
  EXPECT_EQ(roleOfText("default_pg", "tp"), GroupRole::kUnknown);
  EXPECT_EQ(roleOfText("undefined", "f3dbee0a"), GroupRole::kUnknown);
}

struct GroupCall {
  const char* kernel;
  int64_t bytes;
};

// Three steps of one rank: calls of one unnamed group in forward, in backward and behind.
Structure structureWithCalls(const std::vector<GroupCall>& inForward,
                             const std::vector<GroupCall>& inBackward) {
  TraceBuilder builder;
  const uint32_t group =
      builder.addGroup({.name = "1", .description = "undefined", .ranks = {0, 1}, .size = 2});
  for (int32_t r = 0; r < 2; ++r) {
    GpuRank gpu(builder, r);
    for (int step = 0; step < 3; ++step) {
      const int64_t t = 1000 * step;
      gpu.onThread(1);
      gpu.annotation(fmt::format("ProfilerStep#{}", step), t, t + 1000);
      gpu.annotation("forward", t, t + 100);
      gpu.annotation("backward", t + 300, t + 400);
      const auto calls = [&](int64_t beginNs, const std::vector<GroupCall>& list) {
        gpu.launched(beginNs, 1, 7, "gemm", beginNs + 5, beginNs + 10);
        for (size_t i = 0; i < list.size(); ++i) {
          const int64_t at = beginNs + 20 * (static_cast<int64_t>(i) + 1);
          gpu.launched(at, 1, 20, list[i].kernel, at + 2, at + 12,
                       {.bytes = list[i].bytes, .group = group});
          gpu.launched(at + 1, 1, 7, "gemm", at + 12, at + 15);
        }
      };
      calls(t + 1, inForward);
      calls(t + 301, inBackward);
    }
  }
  return inferStructure(*prepareRun(std::move(builder).finish(), {}).trace);
}

TEST(GroupTraffic, reductionsInForwardAndBackwardAreTensorParallel) {
  const GroupCall call{"ncclDevKernel_AllReduce_Sum_bf16_RING_LL", 1 << 20};
  const Structure structure = structureWithCalls({call, call}, {call, call});
  EXPECT_EQ(structure.ranks[1].place.tensorIndex, 1);
  EXPECT_EQ(structure.ranks[1].place.dataIndex, -1);
  EXPECT_THAT(structure.ranks[1].tensorFrom, HasSubstr("its traffic"));
  const GroupCall gather{"ncclDevKernel_AllGather_RING_LL", 1 << 20};
  const GroupCall scatter{"ncclDevKernel_ReduceScatter_Sum_bf16_RING_LL", 1 << 20};
  const std::vector<GroupCall> sequenceParallel{gather, scatter, gather, scatter};
  EXPECT_EQ(structureWithCalls(sequenceParallel, sequenceParallel).ranks[1].place.tensorIndex, 1);
}

TEST(GroupTraffic, gradientReductionsAreDataParallel) {
  const GroupCall reduce{"ncclDevKernel_AllReduce_Sum_f32_RING_LL", 25 << 20};
  EXPECT_EQ(structureWithCalls({}, {reduce}).ranks[1].place.dataIndex, 1);
  // FSDP gathers parameters in forward too.
  const GroupCall gather{"ncclDevKernel_AllGather_RING_LL", 1 << 20};
  const GroupCall scatter{"ncclDevKernel_ReduceScatter_Sum_f32_RING_LL", 1 << 20};
  const Structure sharded =
      structureWithCalls({gather, gather}, {gather, scatter, gather, scatter});
  EXPECT_EQ(sharded.ranks[1].place.dataIndex, 1);
  EXPECT_EQ(sharded.ranks[1].place.tensorIndex, -1);
}

TEST(GroupTraffic, otherTrafficTellsNothing) {
  const GroupCall norm{"ncclDevKernel_AllReduce_Sum_f32_RING_LL", 4};
  const GroupCall unsized{"ncclDevKernel_AllReduce_Sum_f32_RING_LL", -1};
  const GroupCall loss{"ncclDevKernel_AllReduce_Sum_f32_RING_LL", 1 << 20};
  for (const auto& structure : {structureWithCalls({}, {norm}), structureWithCalls({}, {unsized}),
                                structureWithCalls({loss}, {})}) {
    EXPECT_EQ(structure.ranks[1].place.dataIndex, -1);
    EXPECT_EQ(structure.ranks[1].place.tensorIndex, -1);
  }
}

}  // namespace
}  // namespace caracal::analysis
