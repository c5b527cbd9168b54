#include "core/profile/profile_json.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <random>

#include "core/profile/model_description.h"

namespace caracal::profile {
namespace {

Profile sample() {
  auto model = *loadModel("gpt-1.3b");
  model.parallel.data = 2;
  Profile profile = *profileFromModel(model, *loadHardware("a100-40gb-nvlink"));
  profile.observed = {{0, 6, 11, 22, 33}, {1, 6, 12, 23, 0}};
  profile.observedStepNs = 1234567890123;
  profile.observedPlan = "none";
  profile.kappa = 1.25;
  profile.stageTag = trace::Tag::kMeasured;
  return profile;
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const size_t place = text.find(what);
  EXPECT_NE(place, std::string::npos) << what;
  return text.replace(place, what.size(), with);
}

std::string errorOf(const std::string& text) {
  const auto profile = profileFromJson(text);
  return profile ? "accepted" : profile.error().text();
}

TEST(ProfileJson, survivesARoundTrip) {
  const Profile profile = sample();
  const auto again = profileFromJson(toJson(profile));
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(profile, *again);
  EXPECT_EQ(toJson(profile), toJson(*again));
  EXPECT_EQ(hashOf(profile), hashOf(*again));
}

TEST(ProfileJson, survivesAFile) {
  const std::string path = testing::TempDir() + "caracal_profile.json";
  ASSERT_TRUE(saveProfile(sample(), path));
  const auto again = loadProfile(path);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(sample(), *again);
  std::filesystem::remove(path);
  EXPECT_EQ(loadProfile(path).error().code, ErrorCode::kNotFound);
}

TEST(ProfileJson, hashNamesWhatPlansDependOnAndNotTheName) {
  const Profile profile = sample();
  EXPECT_EQ(hashOf(profile).size(), 16u);
  Profile renamed = profile;
  renamed.name = "another";
  renamed.source = "elsewhere";
  EXPECT_EQ(hashOf(profile), hashOf(renamed));
  Profile slower = profile;
  ++slower.kinds[0].operators[3].forwardNs;
  EXPECT_NE(hashOf(profile), hashOf(slower));
}

TEST(ProfileJson, wrongFieldsAreNamedByTheirPath) {
  const std::string text = toJson(sample());
  EXPECT_EQ(
      errorOf(replaced(text, "caracal.profile/1", "caracal.profile/2")),
      "schema: is \"caracal.profile/2\"; this version of Caracal reads \"caracal.profile/1\"");
  EXPECT_EQ(errorOf(replaced(text, "\"kind\": \"norm\"", "\"kind\": \"magic\"")),
            "kinds[0].operators[0].kind: must be one of gemm, attention, elementwise, norm, "
            "collective, view, not \"magic\"");
  EXPECT_EQ(errorOf(replaced(text, "\"backwardNs\"", "\"backwardsNs\"")),
            "kinds[0].operators[0].backwardNs: is missing");
  EXPECT_EQ(errorOf(replaced(text, "\"estimated\"", "\"guessed\"")),
            "tag: must be measured, emulated, simulated or estimated, not \"guessed\"");
  EXPECT_EQ(errorOf(replaced(text, "\"kappa\": 1.25", "\"kappa\": 0.5")),
            "contention.kappa: must be at least 1, not 0.5");
}

TEST(ProfileJson, documentsCutAnywhereAreRefused) {
  const std::string text = toJson(sample());
  for (size_t length = 0; length + 2 < text.size(); length += 97) {
    const auto profile = profileFromJson(text.substr(0, length));
    ASSERT_FALSE(profile) << length;
    EXPECT_FALSE(profile.error().message.empty());
  }
}

// Bytes of a valid document changed, removed or doubled at random: an error in words or a profile
// that validate() accepts; never a crash.
TEST(ProfileJson, damagedDocumentsGiveErrorsOrValidProfiles) {
  const std::string text = toJson(sample());
  constexpr uint64_t kSeed = 42;
  std::mt19937_64 random(kSeed);
  int refused = 0;
  for (int round = 0; round < 1000; ++round) {
    std::string damaged = text;
    const size_t at = random() % damaged.size();
    switch (random() % 3) {
      case 0:
        damaged[at] = "0123456789-{}[]\",:e."[random() % 20];
        break;
      case 1:
        damaged.erase(at, 1 + random() % 6);
        break;
      default:
        damaged.insert(at, damaged.substr(random() % damaged.size(), 1 + random() % 6));
        break;
    }
    const auto profile = profileFromJson(damaged);
    refused += profile ? 0 : 1;
    const bool sound =
        profile ? static_cast<bool>(validate(*profile)) : !profile.error().message.empty();
    EXPECT_TRUE(sound) << "seed " << kSeed << " round " << round;
  }
  EXPECT_GT(refused, 300) << "seed " << kSeed;
}

// What the types cannot exclude, and how it is said.
TEST(ProfileValidate, refusesImpossibleProfiles) {
  const std::vector<std::pair<std::function<void(Profile&)>, std::string>> cases{
      {[](Profile& p) { p.kinds[0].operators[1].id = "ln1"; },
       "there are two operators of this id"},
      {[](Profile& p) { p.kinds[0].operators[1].inputs = {"nothing"}; }, "is no operator here"},
      {[](Profile& p) { p.kinds[0].operators[1].inputs = {"act"}; },
       "comes later in forward order"},
      {[](Profile& p) { p.kinds[0].operators[0].savedFor = {"nothing"}; },
       "savedFor names \"nothing\""},
      {[](Profile& p) { p.kinds[0].operators[0].savedFor = {}; }, "saved bytes need the operators"},
      {[](Profile& p) { p.kinds[0].operators[0].savedBytes = 0; }, "but savedBytes is 0"},
      {[](Profile& p) { p.kinds[0].operators[0].forwardNs = -1; }, "times must not be negative"},
      {[](Profile& p) { p.kinds[0].operators[0].forwardNs = 3'600'000'000'001; },
       "more than an hour"},
      {[](Profile& p) { p.kinds[0].windows[0].transferNs = INT64_MAX; }, "more than an hour"},
      {[](Profile& p) { p.last.operators[0].outputBytes = (int64_t{1} << 50) + 1; },
       "more than 2^50"},
      {[](Profile& p) { p.memory.capacityBytes = INT64_MAX; }, "more than 2^50"},
      {[](Profile& p) { p.parallel.microBatches = (1 << 24) + 1; },
       "micro-batches are more than the 16777216"},
      {[](Profile& p) { p.parallel.tensor = p.parallel.data = 1 << 20; }, "ranks are more than"},
      {[](Profile& p) {
         p.parallel.microBatches = 1 << 20;
         p.kinds[0].operators[0].forwardNs = 3'600'000'000'000;
       },
       "more than a year"},
      {[](Profile& p) {
         p.parallel.microBatches = 1 << 20;
         p.kinds[0].operators[0].outputBytes = int64_t{1} << 50;
         p.hostLink = {};
       },
       "more than 2^60"},
      {[](Profile& p) { p.hostLink.bytesPerSecond = 1e-300; }, "0 means unknown"},
      {[](Profile& p) {
         p.hostLink = {0, 1e9, true};
       },
       "only the pipeline and data links"},
      {[](Profile& p) { p.kappa = 1e9; }, "slow-downs"},
      {[](Profile& p) { p.kinds[0].windows[0].after = "nothing"; }, "\"after\" names \"nothing\""},
      {[](Profile& p) { p.kinds[0].windows[0].id = "moe"; }, "windows of a layer are"},
      {[](Profile& p) { p.layers[3] = 1; }, "names kind 1, but there are 1"},
      {[](Profile& p) { p.layers.pop_back(); }, "lists 23 layers, but the model has 24"},
      {[](Profile& p) { p.parallel.pipeline = 25; }, "24 layers cannot fill 25 stages"},
      {[](Profile& p) { p.kappa = 0.5; }, "slow-downs"},
  };
  for (const auto& [spoil, expected] : cases) {
    Profile profile = sample();
    spoil(profile);
    const auto status = validate(profile);
    ASSERT_FALSE(status) << expected;
    EXPECT_NE(status.error().message.find(expected), std::string::npos) << status.error().text();
    EXPECT_FALSE(status.error().where.empty());
  }
}

}  // namespace
}  // namespace caracal::profile
