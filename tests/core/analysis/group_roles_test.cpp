// What a process group is for, by its description and by its traffic.
#include "core/analysis/group_roles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

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

TEST(GroupWords, descriptionsSayWhichDataParallelRanksAGroupJoins) {
  const auto partOf = [](const std::string& description) {
    return dataPartOf({.name = "7", .description = description, .ranks = {}, .size = 2});
  };
  for (const char* text : {"mesh_dp", "DATA_PARALLEL_GROUP", "DATA_PARALLEL_GROUP_WITH_CP", "fsdp"})
    EXPECT_EQ(partOf(text), DataPart::kWhole) << text;
  EXPECT_EQ(partOf("mesh_dp_replicate"), DataPart::kReplicate);
  EXPECT_EQ(partOf("mesh_dp_shard"), DataPart::kShard);
  for (const char* text : {"EXPERT_DATA_PARALLEL_GROUP", "mesh_dp_shard_cp",
                           "INTRA_PARTIAL_DATA_PARALLEL_GROUP_WITH_CP"})
    EXPECT_EQ(partOf(text), DataPart::kOther) << text;
}

// Four ranks in groups as given.
Structure structureOf(const std::vector<trace::ProcessGroup>& groups) {
  TraceBuilder builder;
  for (const trace::ProcessGroup& group : groups) builder.addGroup(group);
  for (int32_t r = 0; r < 4; ++r) GpuRank(builder, r).launched(0, 1, 7, "gemm", 5, 10);
  return inferStructure(*std::move(builder).finish());
}

std::string dataFactOf(const Structure& structure) {
  for (const Fact& fact : structure.facts) {
    if (fact.what.starts_with("data-parallel size")) return fact.what + " | " + fact.foundBy;
  }
  return {};
}

std::vector<int32_t> dataIndicesOf(const Structure& structure) {
  std::vector<int32_t> indices;
  for (const KnownPlace& known : structure.ranks) indices.push_back(known.place.dataIndex);
  return indices;
}

TEST(GroupWords, copiesOfShardedModelsAreReplicasTimesShards) {
  const trace::ProcessGroup replicas0{"1", "mesh_dp_replicate", {0, 2}, 2};
  const trace::ProcessGroup replicas1{"2", "mesh_dp_replicate", {1, 3}, 2};
  const trace::ProcessGroup shards0{"3", "mesh_dp_shard", {0, 1}, 2};
  const trace::ProcessGroup shards1{"4", "mesh_dp_shard", {2, 3}, 2};
  const Structure hybrid = structureOf({replicas0, replicas1, shards0, shards1});
  EXPECT_EQ(hybrid.dataSize, 4);
  EXPECT_EQ(dataIndicesOf(hybrid), (std::vector<int32_t>{0, 1, 2, 3}));
  EXPECT_THAT(dataFactOf(hybrid), HasSubstr("data-parallel size: 4 | places in its groups of "));
  // A group of all of them says it at once, wherever it stands.
  const Structure whole =
      structureOf({replicas0, replicas1, shards0, shards1, {"5", "mesh_dp", {3, 2, 1, 0}, 4}});
  EXPECT_EQ(dataIndicesOf(whole), (std::vector<int32_t>{3, 2, 1, 0}));
  // Shards alone are all there is, unless replicas are known to be.
  EXPECT_EQ(structureOf({shards0, shards1}).dataSize, 2);
  const Structure cut = structureOf({{"1", "mesh_dp_replicate", {}, 2}, shards0, shards1});
  EXPECT_EQ(cut.dataSize, 0);
  EXPECT_EQ(dataIndicesOf(cut), (std::vector<int32_t>{-1, -1, -1, -1}));
  EXPECT_THAT(dataFactOf(cut), HasSubstr("data-parallel size: cannot tell | its process groups"));
  EXPECT_EQ(structureOf({{"1", "EXPERT_DATA_PARALLEL_GROUP", {0, 1}, 2}}).dataSize, 0);
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

// Two groups of different ranks that both reduce gradients: copies of shards, or something else.
TEST(GroupTraffic, severalGroupsThatReduceGradientsDoNotTellTheWhole) {
  TraceBuilder builder;
  const auto groupOf = [&](const char* name, std::vector<int32_t> ranks) {
    return builder.addGroup({name, "undefined", std::move(ranks), 2});
  };
  const std::array<uint32_t, 2> first{groupOf("1", {0, 1}), groupOf("2", {2, 3})};
  const std::array<uint32_t, 2> second{groupOf("3", {0, 2}), groupOf("4", {1, 3})};
  for (int32_t r = 0; r < 4; ++r) {
    GpuRank gpu(builder, r);
    forward(gpu, "forward", 0, 10);
    backward(gpu, "backward", 100, 10);
    const auto reduce = [&](int64_t beginNs, uint32_t group) {
      gpu.launched(beginNs, 1, 20, kAllReduceKernel, beginNs + 2, beginNs + 12,
                   {.bytes = 1 << 20, .group = group});
    };
    reduce(120, first[static_cast<size_t>(r / 2)]);
    reduce(140, second[static_cast<size_t>(r % 2)]);
  }
  const Structure structure = inferStructure(*prepareRun(std::move(builder).finish(), {}).trace);
  EXPECT_EQ(dataIndicesOf(structure), (std::vector<int32_t>{-1, -1, -1, -1}));
  EXPECT_THAT(dataFactOf(structure), HasSubstr("cannot tell | several process groups"));
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
