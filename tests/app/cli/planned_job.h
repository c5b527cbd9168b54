// A job to plan: a profile that the program made from a model description, for all tests of a
// suite.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/app/cli/run_caracal.h"

namespace caracal::test {

inline constexpr const char* kPlannedModel =
    R"({"schema": "caracal.model/1", "name": "Test GPT", "layers": 8, "hidden": 1024,
  "heads": 16, "sequence": 1024, "vocabulary": 8192, "microBatchSize": 4, "tp": 2, "pp": 2, "microBatches": 8,
  "gpu": "a100-80gb"})";

class PlannedJob : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    s_folder = new TemporaryFolder;
    const std::string model = s_folder->write("model.json", kPlannedModel);
    const Answer made = runCaracal({"profile", "--model", model, "-o", profile()});
    ASSERT_EQ(made.exitCode, 0) << made.err;
    EXPECT_THAT(made.out, testing::HasSubstr("tp 2, pp 2"));
  }
  static void TearDownTestSuite() {
    delete s_folder;
    s_folder = nullptr;
  }

  static std::string path(const std::string& name) { return s_folder->path(name); }
  static std::string profile() { return path("profile.json"); }

  // Of the printed plan's stages.
  static int64_t largestPeak(const nlohmann::json& document) {
    int64_t peak = 0;
    for (const nlohmann::json& stage : document.at("stages"))
      peak = std::max(peak, stage.at("peakBytes").get<int64_t>());
    return peak;
  }

  // A budget that keeping everything exceeds and recomputing everything does not.
  static std::string middleBudget() {
    const auto peakOf = [](const char* policy) {
      return largestPeak(
          runCaracalJson({"plan", "--profile", profile(), "--policy", policy, "--budget", "1TiB"}));
    };
    const int64_t all = peakOf("none"), least = peakOf("full");
    EXPECT_LT(least, all);
    return std::to_string((all + least) / 2);
  }

 private:
  inline static TemporaryFolder* s_folder = nullptr;
};

}  // namespace caracal::test
