#include "core/recorder/kernel_names.h"

#include <gtest/gtest.h>

namespace caracal::recorder {
namespace {

TEST(KernelNames, symbolsAreDemangledAndOthersLeftAlone) {
  EXPECT_EQ(demangled("_Z4gemmIfEvPT_"), "void gemm<float>(float*)");
  EXPECT_EQ(demangled("triton_poi_fused_add_0"), "triton_poi_fused_add_0");
  EXPECT_EQ(demangled("_Znonsense"), "_Znonsense");
}

TEST(KernelNames, theShortNameIsTheBareFunction) {
  EXPECT_EQ(shortName("void gemm<float>(float*)"), "gemm");
  EXPECT_EQ(shortName("void at::native::(anonymous namespace)::copy<at::Half, 4>(int, at::Half*)"),
            "copy");
  EXPECT_EQ(shortName("ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage<4096ul>)"),
            "ncclDevKernel_AllReduce_Sum_f32_RING_LL");
  EXPECT_EQ(shortName("void cutlass::Kernel2<cutlass::gemm<std::tuple<int> > >(Params)"),
            "Kernel2");
  EXPECT_EQ(shortName("void ns::Functor::operator()(int)"), "operator()");
  EXPECT_EQ(shortName("plain_c_kernel"), "plain_c_kernel");
  EXPECT_EQ(shortName(""), "");
}

}  // namespace
}  // namespace caracal::recorder
