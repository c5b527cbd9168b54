// Profiles of shared real runs of other frameworks: observe, profile, plan, simulate.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "core/analysis/prepared_run.h"
#include "core/import/importer.h"
#include "core/planner/replay_error.h"
#include "core/profile/profile_from_trace.h"
#include "core/profile/profile_json.h"

namespace caracal::profile {
namespace {

using testing::HasSubstr;

const std::string kTraces = std::string(CARACAL_SOURCE_DIR) + "/../shared/traces";

struct Foreign {
  std::string folder, model;
  int32_t ranks = 1;
};

void PrintTo(const Foreign& run, std::ostream* out) {
  *out << run.folder;
}

Result<Profile> profileOf(const std::string& folder, const ModelDescription& model) {
  CARACAL_TRY(loaded, import::loadTraces({kTraces + "/" + folder}));
  const auto run = analysis::prepareRun(loaded.trace, {});
  CARACAL_TRY(steps, analysis::buildStepModel(*run.trace));
  return profileFromStages(*run.trace, steps, model);
}

int64_t passNs(const Profile& profile, int64_t (LayerKind::*ofLayer)() const,
               int64_t (ModelEnd::*ofEnd)() const) {
  int64_t ns = (profile.first.*ofEnd)() + (profile.last.*ofEnd)();
  for (const uint32_t kind : profile.layers) ns += (profile.kinds[kind].*ofLayer)();
  return ns;
}

class ForeignProfile : public testing::TestWithParam<Foreign> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kTraces + "/truth.json"))
      GTEST_SKIP() << "shared traces are not here: " << kTraces;
    const auto model = loadModel(GetParam().model);
    ASSERT_TRUE(model) << model.error().text();
    auto made = profileOf(GetParam().folder, *model);
    ASSERT_TRUE(made) << made.error().text();
    profile = std::move(*made);
  }
  Profile profile;
};

TEST_P(ForeignProfile, addsUpToThePassesOfTheRun) {
  ASSERT_EQ(profile.observed.size(), 1U);
  const auto expectSame = [&](int64_t sumNs, int64_t passNs) {
    // Each operator is rounded.
    EXPECT_LE(std::abs(sumNs - passNs), static_cast<int64_t>(20 * profile.layers.size()));
  };
  expectSame(passNs(profile, &LayerKind::forwardNs, &ModelEnd::forwardNs),
             profile.observed[0].forwardNs);
  expectSame(passNs(profile, &LayerKind::backwardNs, &ModelEnd::backwardNs),
             profile.observed[0].backwardNs);
  EXPECT_EQ(profile.parallel.ranks(), GetParam().ranks);
  EXPECT_EQ(profile.stageTag, trace::Tag::kMeasured);
  EXPECT_EQ(profile.tag, trace::Tag::kEstimated);
}

// The replay of a run of one stage leaves out only what nobody computes or transfers in its step.
TEST_P(ForeignProfile, replaysToItsGpuWork) {
  const auto error = planner::replayError(profile, {});
  ASSERT_TRUE(error) << error.error().text();
  ASSERT_TRUE(error->has_value());
  EXPECT_EQ((*error)->observedNs, profile.observedStepNs);
  EXPECT_GE((*error)->simulatedNs,
            profile.observed[0].forwardNs + profile.observed[0].backwardNs - 1000);
  EXPECT_LE((*error)->simulatedNs, profile.observedStepNs);
}

INSTANTIATE_TEST_SUITE_P(Shared, ForeignProfile,
                         testing::Values(Foreign{"nanogpt-sharded-8xh100", "modded-nanogpt", 8},
                                         Foreign{"megatron-tp2-v100", "mcore-simple", 2}));

// Sixteen chunks on four stages, of which the trace names none of the layers: one each is assumed.
// Half of the run's bubble is time of its host, which a simulation does not know.
TEST(InterleavedRun, isProfiledByItsChunksAndReplaysToAboutItsStep) {
  if (!std::filesystem::exists(kTraces + "/truth.json"))
    GTEST_SKIP() << "shared traces are not here: " << kTraces;
  auto model = *loadModel("gpt-1.3b");
  model.shape.layers = 16;
  model.parallel.tensor = 1;
  const auto profile =
      profileOf("megatronapp-pp4/data-1-pipeline-4-tensor-1-pp-aggregated.json.gz", model);
  ASSERT_TRUE(profile) << profile.error().text();
  EXPECT_EQ(profile->schedule, "interleaved:4");
  ASSERT_EQ(profile->observed.size(), 4U);
  for (const ObservedStage& stage : profile->observed) EXPECT_EQ(stage.layerCount, 4);
  const auto error = planner::replayError(*profile, {});
  ASSERT_TRUE(error.has_value() && error->has_value());
  EXPECT_LT(std::abs((*error)->percent), 10);  // 4.1 %
}

TEST(ForeignModels, thatTheRunContradictsAreRefused) {
  if (!std::filesystem::exists(kTraces + "/truth.json"))
    GTEST_SKIP() << "shared traces are not here: " << kTraces;
  auto wider = *loadModel("modded-nanogpt");
  wider.shape.hidden = 1536;
  wider.shape.ffnHidden = 6144;
  EXPECT_THAT(profileOf("nanogpt-sharded-8xh100", wider).error().message,
              HasSubstr("by their recorded shapes"));
  auto deeper = *loadModel("modded-nanogpt");
  deeper.shape.layers = 17;
  EXPECT_THAT(profileOf("nanogpt-sharded-8xh100", deeper).error().message,
              HasSubstr("repeat 10 times"));
  // Convolutions: nothing that a transformer's description could be fitted to.
  auto other = *loadModel("gpt-1.3b");
  other.parallel = {};
  for (const std::string run : {"ddp-2xa100-pgmeta", "resnet-actckpt-ddp8-mi300"})
    EXPECT_EQ(profileOf(run, other).error().code, ErrorCode::kCannotAnswer) << run;
}

}  // namespace
}  // namespace caracal::profile
