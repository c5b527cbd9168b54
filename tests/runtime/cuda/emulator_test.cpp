// The emulator itself: it must notice what a GPU would punish.
#include <gtest/gtest.h>

#include <array>

#include "runtime/cuda/kernels/device_math.h"
#include "tests/runtime/cuda/kernel_test.h"

namespace caracal::cuda {
namespace {

__global__ void reverseBlock(int* values, bool synchronised) {
  __shared__ int copy[64];
  copy[threadIdx.x] = values[threadIdx.x];
  if (synchronised) __syncthreads();
  values[threadIdx.x] = copy[63 - threadIdx.x];
}

__global__ void waitAlone() {
  if (threadIdx.x == 5) __syncthreads();
}

__global__ void sumWarp(float* out) {
  const float sum = warpSum(static_cast<float>(threadIdx.x));
  const float sumOfBlock = blockSum<64>(1.0F);
  out[threadIdx.x] = sum + 1000 * sumOfBlock;
}

__global__ void readShared(float* out) {
  if (threadIdx.x == 0) *out = dynamicShared<float>()[3];
}

using EmulatorTest = KernelTest;

TEST_P(EmulatorTest, threadsMeetAtBarriers) {
  std::array<int, 64> values{};
  for (int i = 0; i < 64; ++i) values[static_cast<size_t>(i)] = i;
  launch(m_queue, "reverse", reverseBlock, {1, dim3(64)}, values.data(), true);
  finish();
  for (int i = 0; i < 64; ++i) EXPECT_EQ(values[static_cast<size_t>(i)], 63 - i);
}

TEST_P(EmulatorTest, aMissingBarrierShows) {
  std::array<int, 64> values{};
  // Numbers that no run before has left in shared memory.
  const int first = 1000 * (1 + static_cast<int>(GetParam()));
  for (int i = 0; i < 64; ++i) values[static_cast<size_t>(i)] = first + i;
  const auto wanted = [first](int i) { return first + 63 - i; };
  launch(m_queue, "reverse", reverseBlock, {1, dim3(64)}, values.data(), false);
  finish();
  int wrong = 0;
  for (int i = 0; i < 64; ++i) wrong += values[static_cast<size_t>(i)] != wanted(i);
  EXPECT_GT(wrong, 0);
}

TEST_P(EmulatorTest, sumsReachEveryThread) {
  Vector out(64);
  launch(m_queue, "sumWarp", sumWarp, {1, dim3(64)}, out.data());
  finish();
  for (size_t i = 0; i < 64; ++i) EXPECT_EQ(out[i], (i < 32 ? 496.0F : 1520.0F) + 64'000.0F);
}

TEST_P(EmulatorTest, sharedMemoryIsNotANumberUntilItIsWritten) {
  float out = 0;
  launch(m_queue, "readShared", readShared, {1, dim3(32), 64}, &out);
  finish();
  EXPECT_TRUE(std::isnan(out));
}

TEST_P(EmulatorTest, aBarrierThatOthersNeverReachEndsTheProgram) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        launch(m_queue, "waitAlone", waitAlone, {1, dim3(32)});
        finish();
      },
      "barrier");
}

TEST_P(EmulatorTest, launchesThatAGpuRefusesAreRefused) {
  launch(m_queue, "tooWide", waitAlone, {1, dim3(2048)});
  EXPECT_EQ(m_queue.error, cudaErrorInvalidValue);
  EXPECT_STREQ(m_queue.failed, "tooWide");
}

CARACAL_UNDER_EACH_ORDER(EmulatorTest);

// Ten streams set one number each; another adds them, with and without waiting.
int sumOfStreams(uint64_t seed, bool waits) {
  emulator::setSeed(seed);
  std::array<int, 10> values{};
  std::array<cudaStream_t, 11> streams{};
  for (cudaStream_t& stream : streams) cudaStreamCreateWithPriority(&stream, 0, 0);
  for (size_t i = 0; i < values.size(); ++i) {
    emulator::enqueue(streams[i], [&values, i] { values[i] = 1; });
    if (!waits) continue;
    cudaEvent_t set = nullptr;
    cudaEventCreateWithFlags(&set, cudaEventDisableTiming);
    cudaEventRecord(set, streams[i]);
    cudaStreamWaitEvent(streams[10], set, 0);
  }
  int sum = 0;
  emulator::enqueue(streams[10], [&] {
    for (const int value : values) sum += value;
  });
  cudaStreamSynchronize(streams[10]);
  for (cudaStream_t stream : streams) cudaStreamDestroy(stream);
  return sum;
}

TEST(EmulatedStreams, runInAnyOrderThatEventsAllow) {
  int early = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_EQ(sumOfStreams(seed, true), 10) << "seed " << seed;
    early += sumOfStreams(seed, false) < 10;
  }
  EXPECT_GT(early, 0);
}

}  // namespace
}  // namespace caracal::cuda
