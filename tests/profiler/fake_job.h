// The figures of one step of the fake job, for the tests that look for them in recordings.
#pragma once

#include <cstdint>

namespace caracal::fake_job {

inline constexpr const char* kGemm = "_Z4gemmIfEvPT_";  // void gemm<float>(float*)
inline constexpr const char* kAllReduce = "_Z34ncclDevKernel_AllReduce_Sum_f32_LLv";
inline constexpr uint64_t kStepNs = 100'000;
inline constexpr uint64_t kGemmNs = 40'000;
inline constexpr uint64_t kAllReduceNs = 20'000;
inline constexpr uint64_t kCopyNs = 1'000;
inline constexpr uint64_t kCopyBytes = 1 << 20;
inline constexpr uint64_t kMessageBytes = 8192;
inline constexpr uint32_t kLaunchCall = 211;
inline constexpr int kThreads = 4;
inline constexpr uint64_t kFileLimitBytes = 200'000;

}  // namespace caracal::fake_job
