#include "core/analysis/comm_names.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace caracal::analysis {
namespace {

using trace::CollectiveKind;

std::string writeFile(const std::string& name, const std::string& text) {
  const std::string path = (std::filesystem::path(testing::TempDir()) / name).string();
  std::ofstream(path) << text;
  return path;
}

TEST(CommNames, theDefaultTableKnowsLibrariesInAnyCase) {
  const CommNames names;
  EXPECT_TRUE(names.matches("ncclDevKernel_AllReduce_Sum_f16_RING_LL(ncclDevComm*)"));
  EXPECT_TRUE(names.matches("void NCCLKernel<1>"));
  EXPECT_TRUE(names.matches("rcclGenericKernel"));
  EXPECT_TRUE(names.matches("ncclAllReduceRingLLKernel_sum_f32(ncclColl)"));
  EXPECT_TRUE(names.matches("ncclSymkDevKernel_AllReduce_RSxLDMC_AGxSTMC_sum_f32"));
  EXPECT_TRUE(names.matches("mscclKernel_Sum_half_Simple_false(ncclDevComm*)"));
  EXPECT_TRUE(names.matches("void deep_ep::internode::dispatch<false, 8, __nv_bfloat16>(int4*)"));
  EXPECT_TRUE(names.matches("void vllm::cross_device_reduce_1stage<__nv_bfloat16, 8>"));
  EXPECT_TRUE(names.matches("two_shot_all_reduce_kernel<c10::BFloat16, 8>"));
  EXPECT_FALSE(names.matches("void at::native::reduce_kernel<512, 1, at::native::ReduceOp<...>>"));
  EXPECT_FALSE(names.matches("ampere_fp16_s16816gemm"));
  EXPECT_FALSE(names.matches("reduce_kernel"));
  EXPECT_FALSE(names.matches(""));
}

TEST(CommNames, theShippedTableEqualsTheDefault) {
  const auto names =
      loadCommNames(std::string(CARACAL_SOURCE_DIR) + "/resources/comm_kernels.json");
  ASSERT_TRUE(names) << names.error().text();
  EXPECT_EQ(names->parts, CommNames{}.parts);
}

TEST(CommNames, aUsersTableReplacesTheDefaultAndIgnoresCase) {
  const auto names = loadCommNames(writeFile(
      "names.json",
      R"({"schema": "caracal.comm-kernels/1", "parts": ["NCCL", "Cross_Device_Reduce"]})"));
  ASSERT_TRUE(names) << names.error().text();
  EXPECT_TRUE(names->matches("void vllm::cross_device_reduce_1stage<half>"));
  EXPECT_FALSE(names->matches("rcclGenericKernel"));
}

TEST(CommNames, badTablesAreRefusedWithFileAndReason) {
  const struct {
    std::string text, expected;
  } cases[] = {
      {"{", "not valid JSON"},
      {"[]", "caracal.comm-kernels/1"},
      {R"({"schema": 1})", "caracal.comm-kernels/1"},
      {R"({"schema": "caracal.comm-kernels/2", "parts": ["a"]})", "caracal.comm-kernels/1"},
      {R"({"schema": "caracal.comm-kernels/1"})", "\"parts\""},
      {R"({"schema": "caracal.comm-kernels/1", "parts": []})", "\"parts\""},
      {R"({"schema": "caracal.comm-kernels/1", "parts": ["nccl", ""]})", "non-empty"},
      {R"({"schema": "caracal.comm-kernels/1", "parts": [7]})", "7"},
  };
  for (const auto& bad : cases) {
    const std::string path = writeFile("bad.json", bad.text);
    const auto names = loadCommNames(path);
    ASSERT_FALSE(names) << bad.text;
    EXPECT_NE(names.error().text().find(bad.expected), std::string::npos) << names.error().text();
    EXPECT_NE(names.error().text().find(path), std::string::npos) << names.error().text();
  }
  const auto absent = loadCommNames("/no/such/table.json");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::kNotFound);
}

TEST(CollectiveOfKernel, readsNewAndOldNamesAndNotTheirAlgorithms) {
  EXPECT_EQ(collectiveOfKernel(
                "ncclDevKernel_AllReduce_Sum_f16_RING_LL(ncclDevKernelArgsStorage<4096ul>)"),
            CollectiveKind::kAllReduce);
  EXPECT_EQ(collectiveOfKernel(
                "ncclKernel_AllReduce_RING_LL_Sum_half(ncclDevComm*, unsigned long, ncclWork*)"),
            CollectiveKind::kAllReduce);
  EXPECT_EQ(collectiveOfKernel("ncclDevKernel_ReduceScatter_Sum_bf16_RING_LL"),
            CollectiveKind::kReduceScatter);
  EXPECT_EQ(collectiveOfKernel("ncclDevKernel_Reduce_Sum_f32_TREE_LL"), CollectiveKind::kReduce);
  EXPECT_EQ(collectiveOfKernel("ncclDevKernel_AllGather_RING_LL"), CollectiveKind::kAllGather);
  EXPECT_EQ(collectiveOfKernel("ncclKernel_SendRecv_RING_SIMPLE_Sum_int8_t"),
            CollectiveKind::kSendRecv);
  EXPECT_EQ(collectiveOfKernel("ncclBroadcastRingLLKernel_copy_i8"), CollectiveKind::kBroadcast);
  EXPECT_EQ(collectiveOfKernel("ncclDevKernel_Generic(ncclSendRecvArgs)"),
            CollectiveKind::kGeneric);
}

}  // namespace
}  // namespace caracal::analysis
