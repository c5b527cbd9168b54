#include "core/recorder/options.h"

#include <gtest/gtest.h>

#include <map>

namespace caracal::recorder {
namespace {

TEST(RecorderOptions, passThroughTheEnvironmentUnchanged) {
  const RecordOptions options{.folder = "/data/run",
                              .session = 0xFEDCBA9876543210,
                              .kinds = kKindKernel | kKindRuntime,
                              .steps = StepRange{10, 13},
                              .stepMarker = "train step",
                              .overheadSteps = 4,
                              .durationMs = 2500,
                              .flushMs = 50,
                              .anchorMs = 700,
                              .cupti = "/opt/libcupti.so"};
  std::map<std::string, std::string> variables;
  for (const auto& [name, value] : environmentFor(options)) variables[name] = value;
  const auto lookup = [&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
  EXPECT_EQ(optionsFrom(lookup), options);
  variables.clear();
  EXPECT_EQ(optionsFrom(lookup), std::nullopt);
}

TEST(RecorderOptions, kindsAreNamedOrAddedToTheDefault) {
  EXPECT_EQ(kindsFromText("kernel,nvtx"), kKindKernel | kKindNvtx);
  EXPECT_EQ(kindsFromText("+runtime"), kDefaultKinds | kKindRuntime);
  EXPECT_EQ(kindsFromText("kernel,"), kKindKernel);
  EXPECT_EQ(kindsFromText("kernels"), std::nullopt);
  EXPECT_EQ(kindsFromText(""), std::nullopt);
  EXPECT_EQ(kindsFromText(kindsText(kDefaultKinds)), kDefaultKinds);
}

TEST(RecorderOptions, stepRangesAreTwoNumbersInOrder) {
  EXPECT_EQ(stepRangeFromText("10-13"), (StepRange{10, 13}));
  EXPECT_EQ(stepRangeFromText("7"), (StepRange{7, 7}));
  for (const char* const wrong : {"", "13-10", "-3", "1-", "a-b", "1-2-3"})
    EXPECT_EQ(stepRangeFromText(wrong), std::nullopt) << wrong;
}

std::string collected(const RecordOptions& options, int64_t steps) {
  std::string text;
  for (int64_t step = 0; step < steps; ++step) text += collectsStep(options, step) ? 'x' : '.';
  return text;
}

TEST(RecorderOptions, stepsAreCollectedInsideTheRangeAndOutsideTheGapsOfTheOverhead) {
  EXPECT_EQ(collected({}, 4), "xxxx");
  EXPECT_EQ(collected({.steps = StepRange{2, 3}}, 6), "..xx..");
  EXPECT_EQ(collected({.overheadSteps = 2}, 16), "xx..xx..xx..xxxx");
  EXPECT_EQ(collected({.steps = StepRange{1, 7}, .overheadSteps = 2}, 10), ".xx..xx...");
}

}  // namespace
}  // namespace caracal::recorder
