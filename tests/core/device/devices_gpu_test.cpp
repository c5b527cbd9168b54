#include <gtest/gtest.h>

#include "core/device/devices.h"

namespace caracal::device {
namespace {

TEST(DevicesGpu, everyGpuHasANameMemoryAndProcessors) {
  const auto cuda = queryCuda();
  if (!cuda) GTEST_SKIP() << "no GPU can be asked: " << cuda.error().text();
  if (cuda->devices.empty()) GTEST_SKIP() << "no GPU here: " << cuda->problem;
  for (const Device& gpu : cuda->devices) {
    EXPECT_FALSE(gpu.name.empty());
    EXPECT_GT(gpu.totalBytes, int64_t{1} << 30);
    EXPECT_GE(gpu.computeMajor, 5);
    EXPECT_GT(gpu.multiprocessors, 0);
  }
  EXPECT_FALSE(cuda->driverCuda.empty());
}

}  // namespace
}  // namespace caracal::device
