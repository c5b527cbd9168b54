// What tests of kernels share: a stream of the emulator, run under each order of threads, and
// comparisons with tolerances that follow from the number format.
#pragma once

#include <cuda_bf16.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "runtime/cuda/kernels/queue.h"

namespace caracal::cuda {

using Vector = std::vector<float>;
using Bf16Vector = std::vector<__nv_bfloat16>;

inline Vector randomVector(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 1);
  Vector values(static_cast<size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

inline Bf16Vector rounded(const Vector& values) {
  Bf16Vector result;
  for (const float value : values) result.push_back(__float2bfloat16(value));
  return result;
}
inline Vector widened(const Bf16Vector& values) {
  Vector result;
  for (const __nv_bfloat16 value : values) result.push_back(__bfloat162float(value));
  return result;
}

// Kernels in fp32 differ from their reference by the order of sums; in bf16 each stored number is
// rounded to 8 bits.
inline constexpr float kFp32Tolerance = 2e-5F;
inline constexpr float kBf16Tolerance = 1.0F / 128;

// |actual - expected| <= tolerance * (1 + |expected|), element by element.
inline void expectNear(const Vector& actual, const Vector& expected, float tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << "element " << i;
  }
}

class KernelTest : public testing::TestWithParam<emulator::ThreadOrder> {
 protected:
  void SetUp() override {
    emulator::setThreadOrder(GetParam());
    emulator::setSeed(7);
    ASSERT_EQ(cudaStreamCreateWithPriority(&m_queue.stream, cudaStreamNonBlocking, 0), cudaSuccess);
  }
  void TearDown() override { cudaStreamDestroy(m_queue.stream); }

  // Runs what was launched.
  void finish() {
    ASSERT_EQ(m_queue.error, cudaSuccess) << m_queue.failed;
    ASSERT_EQ(cudaStreamSynchronize(m_queue.stream), cudaSuccess);
  }

  Queue m_queue;
};

inline std::string orderName(const testing::TestParamInfo<emulator::ThreadOrder>& info) {
  switch (info.param) {
    case emulator::ThreadOrder::kRising:
      return "threadsRising";
    case emulator::ThreadOrder::kFalling:
      return "threadsFalling";
    case emulator::ThreadOrder::kShuffled:
      break;
  }
  return "threadsShuffled";
}

}  // namespace caracal::cuda

// A race between threads of a block gives another result under one of these orders.
#define CARACAL_UNDER_EACH_ORDER(Suite)                                                \
  INSTANTIATE_TEST_SUITE_P(                                                            \
      Kernels, Suite,                                                                  \
      testing::Values(emulator::ThreadOrder::kRising, emulator::ThreadOrder::kFalling, \
                      emulator::ThreadOrder::kShuffled),                               \
      orderName)
