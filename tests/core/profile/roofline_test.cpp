#include <gtest/gtest.h>

#include "core/base/resources.h"
#include "core/profile/model_description.h"
#include "core/profile/profile_json.h"

namespace caracal::profile {
namespace {

// Korthikanti et al. (arXiv 2205.05198), table 4: one layer of the 22B model, 8 tensor-parallel
// ranks, micro-batch 4, A100: 7.7 ms forward, 11.9 ms backward; full recomputation adds a forward
// pass.
TEST(Roofline, oneLayerOf22BTakesWhatWasMeasured) {
  auto model = loadModel("gpt-22b");
  ASSERT_TRUE(model) << model.error().text();
  model->overlapsWeightGradients = true;  // as Megatron-LM does
  const auto hardware = loadHardware("a100-80gb");
  ASSERT_TRUE(hardware) << hardware.error().text();
  const auto profile = profileFromModel(*model, *hardware);
  ASSERT_TRUE(profile) << profile.error().text();
  const LayerKind& layer = profile->kinds.front();
  EXPECT_NEAR(static_cast<double>(layer.forwardNs()) / 1e6, 7.7, 0.10 * 7.7);
  EXPECT_NEAR(static_cast<double>(layer.backwardNs()) / 1e6, 11.9, 0.10 * 11.9);
  // Selective recomputation measured 13.2 - 11.9 = 1.3 ms for scores, softmax and dropout; their
  // kernels of that time were not as close to the roofline as the GEMMs.
  int64_t attentionCore = 0;
  for (const char* id : {"scores", "softmax", "attn_dropout"}) {
    attentionCore += layer.operators[static_cast<size_t>(layer.indexOf(id))].forwardNs;
  }
  EXPECT_GT(static_cast<double>(attentionCore) / 1e6, 1.3 / 1.6);
  EXPECT_LT(static_cast<double>(attentionCore) / 1e6, 1.3);
  RecordProperty("forwardNs", static_cast<int>(layer.forwardNs()));
  RecordProperty("backwardNs", static_cast<int>(layer.backwardNs()));
}

TEST(Roofline, everyShippedModelGivesAValidProfileOnEveryShippedDevice) {
  const auto models = listResources("models");
  const auto devices = listResources("hardware");
  ASSERT_GE(models.size(), 6u);
  ASSERT_GE(devices.size(), 5u);
  for (const std::string& modelName : models) {
    const auto model = loadModel(modelName);
    ASSERT_TRUE(model) << modelName << ": " << model.error().text();
    for (const std::string& device : devices) {
      const auto hardware = loadHardware(device);
      ASSERT_TRUE(hardware) << device << ": " << hardware.error().text();
      const auto profile = profileFromModel(*model, *hardware);
      ASSERT_TRUE(profile) << profile.error().text();
      const auto status = validate(*profile);
      EXPECT_TRUE(status) << modelName << " on " << device << ": " << status.error().text();
      EXPECT_EQ(profile->tag, trace::Tag::kEstimated);
    }
  }
}

TEST(Roofline, aSlowerLinkMakesLongerWindowsAndNothingElse) {
  const auto model = loadModel("gpt-7b");
  const auto fast = profileFromModel(*model, *loadHardware("a100-40gb-nvlink"));
  const auto slow = profileFromModel(*model, *loadHardware("a100-40gb-pcie"));
  ASSERT_TRUE(fast && slow);
  for (size_t i = 0; i < fast->kinds[0].windows.size(); ++i) {
    EXPECT_GT(slow->kinds[0].windows[i].transferNs, 5 * fast->kinds[0].windows[i].transferNs);
  }
  for (size_t i = 0; i < fast->kinds[0].operators.size(); ++i) {
    const Operator& op = fast->kinds[0].operators[i];
    if (op.kind == OperatorKind::kCollective) continue;
    EXPECT_EQ(op, slow->kinds[0].operators[i]);
  }
}

TEST(Roofline, weightGradientsShrinkOnlyBackwardWindows) {
  auto model = loadModel("gpt-7b");
  model->overlapsWeightGradients = true;
  const auto profile = profileFromModel(*model, *loadHardware("a100-40gb-nvlink"));
  for (const Window& window : profile->kinds[0].windows) {
    if (window.id.starts_with("fwd.")) {
      EXPECT_EQ(window.overlappedNs, 0) << window.id;
    } else {
      EXPECT_GT(window.overlappedNs, 0) << window.id;
    }
  }
}

}  // namespace
}  // namespace caracal::profile
