#include "core/plan/plan_json.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "core/base/files.h"
#include "core/profile/model_description.h"
#include "core/profile/profile_json.h"
#include "tests/support/layers.h"

namespace caracal::plan {
namespace {

profile::Profile sampleProfile() {
  auto model = *profile::loadModel("gpt-1.3b");
  model.shape.layers = 8;
  return *profile::profileFromModel(model, *profile::loadHardware("a100-40gb-nvlink"));
}

// Two policies: keep all, and everything but the residual stream rebuilt in windows or on demand.
Plan samplePlan(const profile::Profile& profile) {
  Plan plan = test::makePlanOf(profile, {test::keepAll(profile.kinds[0])});
  plan.name = "by hand";
  plan.profileHash = profile::hashOf(profile);
  plan.stages[0].budgetBytes = int64_t{30} << 30;
  plan.stages[1].layers[1].placements = test::recomputeAll(profile.kinds[0]);
  plan.stages[0].layers[0].placements = test::placements(
      profile.kinds[0],
      "ln1=fwd.attn qkv=fwd.attn scores=pipe softmax=pipe attn_dropout=prev.bwd.mlp "
      "context=prev.bwd.attn "
      "residual1=retained ln2=onDemand fc1=onDemand act=retained residual2=retained");
  return plan;
}

TEST(PlanJson, survivesARoundTrip) {
  const profile::Profile profile = sampleProfile();
  const Plan plan = samplePlan(profile);
  const auto status = validate(profile, plan);
  ASSERT_TRUE(status) << status.error().text();
  const auto again = planFromJson(toJson(plan, profile), profile);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(plan, *again);
  EXPECT_EQ(hashOf(plan), hashOf(*again));
}

TEST(PlanJson, survivesAFile) {
  const profile::Profile profile = sampleProfile();
  const std::string path = testing::TempDir() + "caracal_plan.json";
  ASSERT_TRUE(savePlan(samplePlan(profile), profile, path));
  const auto again = loadPlan(path, profile);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(samplePlan(profile), *again);
  std::filesystem::remove(path);
  EXPECT_EQ(loadPlan(path, profile).error().code, ErrorCode::kNotFound);
}

TEST(PlanJson, isReadWithoutAProfileAndKeepsItsHash) {
  const profile::Profile profile = sampleProfile();
  const Plan plan = samplePlan(profile);
  const auto document = planDocumentFromJson(toJson(plan, profile));
  ASSERT_TRUE(document) << document.error().text();
  EXPECT_EQ(hashOf(document->plan), hashOf(plan));
  ASSERT_EQ(document->operatorIds.size(), 8u);
  EXPECT_EQ(document->operatorIds[0].front(), "ln1");
  EXPECT_EQ(document->operatorIds[7].size(), profile.kinds[0].operators.size());
}

TEST(PlanJson, equalPoliciesAreWrittenOnce) {
  const profile::Profile profile = sampleProfile();
  const std::string text = toJson(samplePlan(profile), profile);
  size_t policies = 0;
  for (size_t at = text.find("keepsInput"); at != std::string::npos;
       at = text.find("keepsInput", at + 1))
    ++policies;
  EXPECT_EQ(policies, 3u) << text;
}

TEST(PlanJson, hashIgnoresTheNameAndNothingElse) {
  const profile::Profile profile = sampleProfile();
  const Plan plan = samplePlan(profile);
  EXPECT_EQ(hashOf(plan).size(), 16u);
  Plan other = plan;
  other.name = "renamed";
  EXPECT_EQ(hashOf(plan), hashOf(other));
  other = plan;
  other.stages[0].layers[0].placements[0] = {PlacementKind::kRetained};
  EXPECT_NE(hashOf(plan), hashOf(other));
  other = plan;
  ++other.stages[1].budgetBytes;
  EXPECT_NE(hashOf(plan), hashOf(other));
  other = plan;
  other.parallel.microBatches = 5;
  EXPECT_NE(hashOf(plan), hashOf(other));
}

TEST(PlanJson, operatorsOfAnotherOrderAreSortedIntoTheProfiles) {
  const profile::Profile profile = sampleProfile();
  profile::Profile shuffled = profile;
  std::swap(shuffled.kinds[0].operators[0], shuffled.kinds[0].operators[3]);
  Plan plan = samplePlan(profile);
  std::string text = toJson(plan, profile);
  const auto read = planFromJson(text, shuffled);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->stages[0].layers[0].placements[3], plan.stages[0].layers[0].placements[0]);
}

TEST(PlanJson, aPlanForOtherLayersIsRefusedInWords) {
  const profile::Profile profile = sampleProfile();
  const std::string text = toJson(samplePlan(profile), profile);
  profile::Profile fused = profile;
  fused.kinds[0].operators[2].id = "attn";
  const auto wrongOperators = planFromJson(text, fused);
  ASSERT_FALSE(wrongOperators);
  EXPECT_EQ(wrongOperators.error().text(),
            "layer 0 of the plan has no operator \"attn\", the profile's has; the plan was made "
            "for another profile");
  profile::Profile longer = profile;
  longer.model.layers = 9;
  const auto wrongLayers = planFromJson(text, longer);
  ASSERT_FALSE(wrongLayers);
  EXPECT_NE(wrongLayers.error().message.find("made for another profile"), std::string::npos);
}

std::string errorOf(const std::string& text) {
  const auto document = planDocumentFromJson(text);
  return document ? "accepted" : document.error().text();
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const size_t place = text.find(what);
  EXPECT_NE(place, std::string::npos) << what;
  return text.replace(place, what.size(), with);
}

TEST(PlanJson, wrongFieldsAreNamedByTheirPath) {
  const profile::Profile profile = sampleProfile();
  const std::string text = toJson(samplePlan(profile), profile);
  EXPECT_EQ(errorOf(replaced(text, "caracal.plan/1", "caracal.plan/9")),
            "schema: is \"caracal.plan/9\"; this version of Caracal reads \"caracal.plan/1\"");
  EXPECT_EQ(errorOf(replaced(text, "window:pipe", "window:door")),
            "policies[0].placements.scores: must be retained, onDemand, offload, discarded or "
            "window:<id>, not "
            "\"window:door\"");
  EXPECT_EQ(errorOf(replaced(text, "\"ln1\": \"window", "\"ln9\": \"window")),
            "policies[0].placements.ln9: is no operator of this policy's list; see \"operators\"");
  EXPECT_EQ(errorOf(replaced(text, "\"layers\": [0, 1]", "\"layers\": [0, 7]")),
            "stages[0].layers: names policy 7, but there are 3");
  EXPECT_EQ(errorOf(replaced(text, "\"layers\": [0, 1]", "\"layers\": [0]")),
            "stages: hold 7 layers, but the model has 8");
}

// A golden value: recordings and exported configurations hold it, so no version may change it.
TEST(PlanJson, hashStaysWhatItWas) {
  const profile::Profile profile = test::makeProfile(test::tinyLayer(), 4, 2, 4);
  Plan plan = test::makePlanOf(profile, {test::keepAll(profile.kinds[0])});
  plan.profileHash = "0123456789abcdef";
  EXPECT_EQ(hashOf(plan), "010c4cbc01bd39e0");
  EXPECT_EQ(profile::hashOf(profile), "2c5106008d21f826");
}

// The example of docs/plan-format.md is a plan of this version.
TEST(PlanJson, theDocumentedExampleIsRead) {
  const auto page = readTextFile(std::string(CARACAL_SOURCE_DIR) + "/docs/plan-format.md");
  ASSERT_TRUE(page) << page.error().text();
  const size_t begin = page->find("```json\n") + 8;
  const auto document = planDocumentFromJson(page->substr(begin, page->find("```", begin) - begin));
  ASSERT_TRUE(document) << document.error().text();
  EXPECT_EQ(document->plan.partition(), (std::vector<int32_t>{2, 2}));
  EXPECT_EQ(toText(document->plan.stages[1].layers[0].placements[8]), "window:prev.bwd.mlp");
}

// Bytes of a valid document changed, removed or doubled at random: an error in words, or a plan
// that validate() judges; never a crash.
TEST(PlanJson, damagedDocumentsGiveErrorsOrPlansAndNeverCrash) {
  const profile::Profile profile = sampleProfile();
  const std::string text = toJson(samplePlan(profile), profile);
  constexpr uint64_t kSeed = 20240613;
  std::mt19937_64 random(kSeed);
  int refused = 0, accepted = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = text;
    const int changes = 1 + static_cast<int>(random() % 3);
    for (int c = 0; c < changes; ++c) {
      const size_t at = random() % damaged.size();
      const size_t length = 1 + random() % 6;
      switch (random() % 4) {
        case 0:
          damaged[at] = static_cast<char>(random() % 256);
          break;
        case 1:
          damaged.erase(at, length);
          break;
        case 2:
          damaged.insert(at, damaged.substr(random() % damaged.size(), length));
          break;
        default:
          damaged[at] = "0123456789-{}[]\",:"[random() % 18];
          break;
      }
    }
    const auto plan = planFromJson(damaged, profile);
    const auto status =
        plan ? validate(profile, *plan) : Result<void>(tl::unexpected(plan.error()));
    if (!status) {
      EXPECT_FALSE(status.error().message.empty()) << "seed " << kSeed << " round " << round;
    }
    ++(status ? accepted : refused);
  }
  EXPECT_GT(refused, 1000) << "seed " << kSeed;
  EXPECT_GT(accepted, 0) << "seed " << kSeed;  // names, budgets and blanks may change
}

}  // namespace
}  // namespace caracal::plan
