#include "core/profile/model_description.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/base/files.h"
#include "core/base/resources.h"

namespace caracal::profile {
namespace {

constexpr const char* kSmall =
    R"({"name": "small", "layers": 4, "hidden": 64, "heads": 4, "sequence": 32, "vocabulary": 256})";

std::string with(const std::string& fields) {
  std::string text = kSmall;
  text.insert(text.size() - 1, ", " + fields);
  return text;
}

std::string errorOf(const std::string& text) {
  const auto model = modelFromJson(text);
  return model ? "accepted" : model.error().text();
}

TEST(ModelDescription, hasDefaultsForEverythingButTheModelItself) {
  const auto model = modelFromJson(kSmall);
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_EQ(model->shape.ffn(), 256);
  EXPECT_EQ(model->parallel.ranks(), 1);
  EXPECT_EQ(model->dropoutMaskBytes, 0);
  EXPECT_DOUBLE_EQ(model->staticBytesPerParameter, 18);
}

TEST(ModelDescription, survivesARoundTrip) {
  const auto model = modelFromJson(
      with(R"("ffnHidden": 200, "tp": 2, "pp": 2, "dp": 3, "microBatches": 6, "dropout": 0.25,
      "gpu": "h200", "fusedAttention": true, "reserveBytes": 5, "staticBytesPerParameter": 16.5, "dropoutMaskBytes": 1,
      "bytesPerElement": 4, "overlapsWeightGradients": true, "microBatchSize": 3, "contextParallel": 2,
      "sequenceParallel": true, "kvHeads": 2, "gatedMlp": true, "biases": false, "rmsNorm": true, "rotary": true,
      "tiedEmbeddings": false, "experts": 4, "topK": 2, "moeEvery": 2, "expertParallel": 2,
      "distributedOptimizer": true, "table": "other")"));
  ASSERT_TRUE(model) << model.error().text();
  const auto again = modelFromJson(modelToJson(*model));
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(*model, *again);
  const auto ulysses = modelFromJson(with(R"("contextParallel": 2, "contextStyle": "ulysses")"));
  ASSERT_TRUE(ulysses) << ulysses.error().text();
  EXPECT_TRUE(ulysses->ulysses);
  EXPECT_EQ(*modelFromJson(modelToJson(*ulysses)), *ulysses);
}

TEST(ModelDescription, refusesWhatCannotBeAndSaysWhy) {
  EXPECT_EQ(errorOf("{\"layers\": 4,"),
            "line 1, column 14: this is not JSON, or it is cut off here");
  EXPECT_EQ(errorOf("[]"), "the document must be a JSON object");
  EXPECT_EQ(errorOf("{}"), "layers: is missing");
  EXPECT_EQ(errorOf(with(R"("hiden": 1)")),
            "hiden: is not a field of this document; check its spelling");
  EXPECT_EQ(errorOf(with(R"("tp": "two")")), "tp: must be a whole number, not \"two\"");
  EXPECT_EQ(errorOf(with(R"("tp": 0)")), "tp: must be at least 1, not 0");
  EXPECT_EQ(errorOf(with(R"("tp": 2.5)")), "tp: must be a whole number, not 2.5");
  EXPECT_EQ(errorOf(with(R"("tp": 8)")), "heads (4) must be a multiple of tp (8)");
  EXPECT_EQ(errorOf(with(R"("pp": 5)")), "4 layers cannot fill 5 pipeline stages; lower pp");
  EXPECT_EQ(errorOf(with(R"("dropout": 1)")), "dropout (1) must be at least 0 and below 1");
  EXPECT_EQ(errorOf(with(R"("contextParallel": 5)")),
            "sequence (32) must be a multiple of the ranks that share it (5)");
  EXPECT_EQ(errorOf(with(R"("contextParallel": 8, "contextStyle": "ulysses")")),
            "heads (4) must be a multiple of tp * contextParallel (8)");
  EXPECT_EQ(errorOf(with(R"("contextStyle": "ring")")),
            "contextStyle: must be \"gather\" or \"ulysses\"");
  EXPECT_EQ(errorOf(with(R"("kvHeads": 3)")), "heads (4) must be a multiple of kvHeads (3)");
  EXPECT_EQ(errorOf(with(R"("kvHeads": 1, "tp": 2)")), "kvHeads (1) must be a multiple of tp (2)");
  EXPECT_EQ(errorOf(with(R"("attention": "flash")")),
            "attention: must be \"fused\" or \"unfused\"");
  EXPECT_EQ(errorOf(with(R"("topK": 2)")),
            "topK and expertParallel need experts; say how many a layer has");
  EXPECT_EQ(errorOf(with(R"("experts": 4, "topK": 5)")),
            "topK (5) must be from 1 to the number of experts (4)");
  EXPECT_EQ(errorOf(with(R"("experts": 4, "expertParallel": 4, "dp": 2)")),
            "the ranks of a stage (2) must be a multiple of expertParallel (4)");
  EXPECT_EQ(errorOf(with(R"("experts": 4, "tp": 2)")),
            "experts with tp 2 need sequenceParallel: each rank routes its own tokens");
  EXPECT_EQ(errorOf(with(R"("distributedOptimizer": true, "staticBytesPerParameter": 8)")),
            "staticBytesPerParameter: must be at least 12 with a distributed optimizer, which "
            "spreads 12 of them");
  EXPECT_EQ(errorOf(with(R"("schema": "caracal.model/7")")),
            "schema: is \"caracal.model/7\"; this version of Caracal reads \"caracal.model/1\"");
  EXPECT_EQ(errorOf(with(R"("reserveBytes": 18446744073709551615)")),
            "reserveBytes: must be a whole number below 2^63, not 18446744073709551615");
}

TEST(ModelDescription, refusesSizesThatWouldOverflow) {
  EXPECT_NE(
      errorOf(
          R"({"layers": 4, "hidden": 4000000000, "heads": 4, "sequence": 3000000000, "vocabulary": 256})")
          .find("10^15"),
      std::string::npos);
}

TEST(ModelDescription, namesTheKnownModelsWhenOneIsUnknown) {
  const auto model = loadModel("gpt-nothing");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::kNotFound);
  EXPECT_NE(model.error().message.find("gpt-22b"), std::string::npos) << model.error().text();
}

TEST(ModelDescription, errorsOfFilesCarryThePath) {
  const std::string path = testing::TempDir() + "caracal_bad_model.json";
  ASSERT_TRUE(writeTextFile(path, "{}"));
  const auto model = loadModel(path);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().text(), path + ": layers: is missing");
  std::filesystem::remove(path);
}

TEST(Hardware, everyConstantOfEveryShippedDeviceHasASource) {
  for (const std::string& device : listResources("hardware")) {
    const auto text = readTextFile(*findResource("hardware/" + device + ".json"));
    ASSERT_TRUE(text);
    const size_t sources = text->find("\"sources\"");
    ASSERT_NE(sources, std::string::npos) << device;
    for (const char* constant :
         {"matrixFlops", "matrixEfficiency", "memoryBytesPerSecond", "memoryEfficiency",
          "memoryBytes", "launchNs", "tensorLink", "pipelineLink", "dataLink"}) {
      EXPECT_NE(text->find(std::string("\"") + constant + "\"", sources), std::string::npos)
          << device << " " << constant;
    }
  }
}

TEST(Hardware, aMissingNameSaysWhereToPutOne) {
  const auto hardware = loadHardware("");
  ASSERT_FALSE(hardware);
  EXPECT_EQ(hardware.error().code, ErrorCode::kCannotAnswer);
  EXPECT_EQ(hardware.error().message.find("no device is named; set \"gpu\""), 0u)
      << hardware.error().text();
}

TEST(Hardware, refusesEfficienciesAboveOne) {
  auto text = *readTextFile(*findResource("hardware/h200.json"));
  text.replace(text.find("0.7"), 3, "1.7");
  const auto hardware = hardwareFromJson(text);
  ASSERT_FALSE(hardware);
  EXPECT_EQ(hardware.error().text(),
            "matrixEfficiency: must be at most 1: it is the reachable share of a peak");
}

}  // namespace
}  // namespace caracal::profile
