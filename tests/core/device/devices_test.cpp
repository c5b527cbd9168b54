#include "core/device/devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caracal::device {
namespace {

using testing::HasSubstr;

TEST(Devices, versionsReadAsTheirLibrariesWriteThem) {
  EXPECT_EQ(cudaVersionText(13000), "13.0");
  EXPECT_EQ(cudaVersionText(12040), "12.4");
  EXPECT_EQ(ncclVersionText(22809), "2.28.9");
  EXPECT_EQ(cudaVersionText(0), "");
  EXPECT_EQ(ncclVersionText(0), "");
  EXPECT_EQ(cuptiVersionText(130001), "13.0 (API 130001)");
  EXPECT_EQ(cuptiVersionText(24), "API 24");
  EXPECT_EQ(cuptiVersionText(0), "");
}

TEST(Devices, thereAreDevicesOrWordsThatSayWhyNot) {
  const auto cuda = queryCuda();
  if (!cuda) {
    EXPECT_EQ(cuda.error().code, ErrorCode::kNotFound) << cuda.error().text();
    EXPECT_THAT(cuda.error().message, HasSubstr("CARACAL_CUDA=ON"));
    return;
  }
  EXPECT_FALSE(cuda->builtToolkit.empty());
  EXPECT_NE(cuda->devices.empty(), cuda->problem.empty());
}

TEST(Devices, theRecorderSaysWhetherItsCuptiIsThere) {
  const auto recorder = queryRecorder();
  if (!recorder) {
    EXPECT_EQ(recorder.error().code, ErrorCode::kNotFound) << recorder.error().text();
    return;
  }
  EXPECT_THAT(recorder->path, HasSubstr("libcaracal_inject.so"));
  EXPECT_FALSE(recorder->builtCupti.empty());
  if (recorder->runCupti.empty()) {
    EXPECT_THAT(recorder->problem, HasSubstr("libcupti"));
  }
}

}  // namespace
}  // namespace caracal::device
