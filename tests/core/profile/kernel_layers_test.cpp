// Layers found as the part of a pass whose kernels repeat, and profiles made of them.
#include "core/profile/kernel_layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/analysis/prepared_run.h"
#include "core/profile/profile_from_trace.h"
#include "core/profile/profile_json.h"
#include "tests/core/analysis/gpu_fixture.h"

namespace caracal::profile {
namespace {

using analysis::fixture::GpuRank;
using testing::HasSubstr;

struct Kernel {
  const char* name;
  int64_t ns;
};
using Kernels = std::vector<Kernel>;

const Kernels kForward{
    {"layer_norm", 10}, {"sgemm_qkv", 100}, {"flash_fwd", 50}, {"sgemm_proj", 40}, {"add", 10},
    {"layer_norm", 10}, {"sgemm_fc1", 120}, {"gelu", 20},      {"sgemm_fc2", 120}, {"add", 10}};
const Kernels kBackward{{"add_bwd", 20},        {"sgemm_fc2_bwd", 240}, {"gelu_bwd", 40},
                        {"sgemm_fc1_bwd", 240}, {"norm_bwd", 20},       {"sgemm_proj_bwd", 80},
                        {"flash_bwd", 100},     {"sgemm_qkv_bwd", 200}, {"norm_bwd", 20}};
constexpr int32_t kLayers = 4;
constexpr int64_t kForwardLayerNs = 490;
constexpr int64_t kBackwardLayerNs = 960;

Kernels together(Kernels first, const Kernels& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Kernels repeated(const Kernels& layer, int32_t times) {
  Kernels all;
  for (int32_t l = 0; l < times; ++l) all = together(std::move(all), layer);
  return all;
}

// One rank, one micro-batch: an embedding, layers, a loss, and back; no time between kernels but
// `gapNs`. Matrix products have operators with `productBytes`, 0: shapes were not recorded.
std::shared_ptr<const trace::Trace> runOf(const Kernels& forwardLayers,
                                          const Kernels& backwardLayers, int64_t gapNs = 0,
                                          int64_t productBytes = 0) {
  trace::TraceBuilder builder;
  GpuRank gpu(builder, 0);
  int64_t nowNs = 5000;
  int64_t hostNs = 0;
  const auto pass = [&](const char* name, const Kernels& before, const Kernels& layers,
                        const Kernels& after) {
    const int64_t beginNs = hostNs;
    for (const Kernel& kernel : together(together(before, layers), after)) {
      if (productBytes > 0 && std::string_view(kernel.name).starts_with("sgemm")) {
        const auto op = gpu.host(trace::EventKind::kCpuOp, "aten::mm", hostNs + 1, hostNs + 2);
        builder.setArgs(op, {.bytes = productBytes});
      }
      gpu.launched(++hostNs, 1, 7, kernel.name, nowNs, nowNs + kernel.ns);
      nowNs += kernel.ns + gapNs;
    }
    gpu.annotation(name, beginNs, ++hostNs);
  };
  pass("Forward 0", {{"embedding", 33}}, forwardLayers, {{"sgemm_head", 70}, {"cross_entropy", 7}});
  pass("Backward 0", {{"cross_entropy_bwd", 14}, {"sgemm_head_bwd", 140}}, backwardLayers,
       {{"embedding_bwd", 66}});
  return std::move(builder).finish();
}
std::shared_ptr<const trace::Trace> runOf(const Kernels& backwardLayer, int64_t gapNs = 0) {
  return runOf(repeated(kForward, kLayers), repeated(backwardLayer, kLayers), gapNs);
}

ModelDescription described() {
  ModelDescription model;
  model.name = "small";
  model.shape = {
      .layers = kLayers, .hidden = 1024, .heads = 16, .sequence = 512, .vocabulary = 8192};
  model.fusedAttention = true;
  model.gpu = "a100-80gb";
  return model;
}

Result<Profile> profileOf(const std::shared_ptr<const trace::Trace>& trace,
                          const ModelDescription& model) {
  const auto run = analysis::prepareRun(trace, {});
  CARACAL_TRY(steps, analysis::buildStepModel(*run.trace));
  return profileFromStages(*run.trace, steps, model);
}

int64_t sumOf(const Profile& profile, OperatorKind kind, int64_t Operator::*field) {
  int64_t ns = 0;
  for (const Operator& op : profile.kinds.front().operators) {
    if (op.kind == kind) ns += op.*field;
  }
  return ns;
}

// Sums of up to five rounded figures.
constexpr int64_t kRounding = 5;
void expectAbout(int64_t actual, int64_t expected, int64_t tolerance = kRounding) {
  EXPECT_LE(std::abs(actual - expected), tolerance) << actual << " is not about " << expected;
}

TEST(KernelLayers, operatorsAddUpToTheKernelsOfTheirClass) {
  const auto profile = profileOf(runOf(kBackward), described());
  ASSERT_TRUE(profile) << profile.error().text();
  expectAbout(sumOf(*profile, OperatorKind::kGemm, &Operator::forwardNs), 380);
  expectAbout(sumOf(*profile, OperatorKind::kAttention, &Operator::forwardNs), 50);
  expectAbout(sumOf(*profile, OperatorKind::kGemm, &Operator::backwardNs), 760);
  expectAbout(sumOf(*profile, OperatorKind::kAttention, &Operator::backwardNs), 100);
  expectAbout(profile->kinds.front().forwardNs(), kForwardLayerNs);
  expectAbout(profile->kinds.front().backwardNs(), kBackwardLayerNs);
  expectAbout(profile->first.forwardNs(), 33);
  expectAbout(profile->first.backwardNs(), 66);
  expectAbout(profile->last.forwardNs(), 77);
  expectAbout(profile->last.backwardNs(), 154);
  EXPECT_EQ(profile->tag, trace::Tag::kEstimated);
  EXPECT_EQ(profile->stageTag, trace::Tag::kMeasured);
  EXPECT_TRUE(profileFromJson(toJson(*profile)));
}

// Time between kernels is spread over all operators: the stage takes what it took.
TEST(KernelLayers, gapsLieOnAllOperators) {
  const auto trace = runOf(kBackward, 100);
  const auto profile = profileOf(trace, described());
  ASSERT_TRUE(profile) << profile.error().text();
  const int64_t forwardNs = profile->first.forwardNs() +
                            kLayers * profile->kinds.front().forwardNs() +
                            profile->last.forwardNs();
  expectAbout(forwardNs, profile->observed.front().forwardNs, 4 * kRounding);
  EXPECT_GT(profile->kinds.front().forwardNs(), kForwardLayerNs + 900);
}

TEST(KernelLayers, recomputationIsNoPartOfBackward) {
  const auto profile = profileOf(runOf(together(kForward, kBackward)), described());
  ASSERT_TRUE(profile) << profile.error().text();
  expectAbout(profile->kinds.front().backwardNs(), kBackwardLayerNs);
  EXPECT_GT(profile->observed.front().backwardNs, kLayers * (kForwardLayerNs + kBackwardLayerNs));
}

TEST(KernelLayers, descriptionsThatTheKernelsContradictAreRefused) {
  ModelDescription unfused = described();
  unfused.fusedAttention = false;
  EXPECT_THAT(profileOf(runOf(kBackward), unfused).error().message, HasSubstr("fused"));
  ModelDescription deeper = described();
  deeper.shape.layers = 7;
  EXPECT_THAT(profileOf(runOf(kBackward), deeper).error().message, HasSubstr("repeat 4 times"));
  ModelDescription parallel = described();
  parallel.parallel.tensor = 2;
  EXPECT_THAT(profileOf(runOf(kBackward), parallel).error().message, HasSubstr("collectives"));
}

// A layer of compiled kernels: numbers behind names and one kernel more or less tell layers apart,
// matrix products and attention do not.
Kernels compiled(const char* fused, bool more) {
  Kernels layer{{"triton_poi_norm_0", 10}, {"sgemm_qkv", 100}, {"flash_fwd", 50},
                {"sgemm_proj", 40},        {fused, 20},        {"sgemm_fc1", 120},
                {"sgemm_fc2", 120}};
  if (more) layer.insert(layer.begin() + 4, {"triton_poi_gate_7", 15});
  return layer;
}

TEST(KernelLayers, areSimilarWhereCompilersFuseTheRestDifferently) {
  Kernels forward = compiled("triton_poi_add_3", true);
  for (const bool more : {false, true, false})
    forward = together(std::move(forward), compiled(more ? "triton_red_a_12" : "cat", more));
  const auto profile = profileOf(runOf(forward, repeated(kBackward, kLayers)), described());
  ASSERT_TRUE(profile) << profile.error().text();
  expectAbout(sumOf(*profile, OperatorKind::kGemm, &Operator::forwardNs), 380);
  expectAbout(sumOf(*profile, OperatorKind::kAttention, &Operator::forwardNs), 50);
  expectAbout(profile->first.forwardNs() + kLayers * profile->kinds.front().forwardNs() +
                  profile->last.forwardNs(),
              profile->observed.front().forwardNs, 4 * kRounding);
}

// A layer without attention in the middle counts as equal to the others; ends keep their time.
TEST(KernelLayers, oneLayerMayDiffer) {
  const Kernels differs(kForward.begin() + 5, kForward.end());
  const Kernels forward = together(together(repeated(kForward, 2), differs), repeated(kForward, 2));
  const Kernels differsBack(kBackward.begin(), kBackward.begin() + 5);
  const Kernels backward =
      together(together(repeated(kBackward, 2), differsBack), repeated(kBackward, 2));
  ModelDescription model = described();
  model.shape.layers = kLayers + 1;
  const auto profile = profileOf(runOf(forward, backward), model);
  ASSERT_TRUE(profile) << profile.error().text();
  const int64_t actualNs = 110 + kLayers * kForwardLayerNs + 280;
  const int64_t countedNs = 110 + (kLayers + 1) * kForwardLayerNs;
  expectAbout(profile->first.forwardNs(), 33 * actualNs / countedNs);
  expectAbout(profile->kinds.front().forwardNs(), kForwardLayerNs * actualNs / countedNs);
}

TEST(KernelLayers, recordedShapesThatContradictTheDescriptionAreRefused) {
  const auto run = [](int64_t bytes) {
    return runOf(repeated(kForward, kLayers), repeated(kBackward, kLayers), 0, bytes);
  };
  // qkv, proj, fc1 and fc2 make 3 + 1 + 4 + 1 times this.
  const int64_t inputBytes = int64_t{512} * 1024 * 2;
  EXPECT_TRUE(profileOf(run(9 * inputBytes / 4), described()));
  const auto refused = profileOf(run(9 * inputBytes / 2), described());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("18.0 MiB by their recorded shapes"));
  EXPECT_THAT(refused.error().message, HasSubstr("by the model description 9.00 MiB"));
}

TEST(KernelLayers, withoutADescriptionItIsSaidThatBytesAreMissing) {
  const auto run = analysis::prepareRun(runOf(kBackward), {});
  const auto steps = analysis::buildStepModel(*run.trace);
  ASSERT_TRUE(steps);
  const auto profile = profileFromRecording(*run.trace, *steps);
  ASSERT_FALSE(profile);
  EXPECT_THAT(profile.error().message, HasSubstr("--model"));
}

}  // namespace
}  // namespace caracal::profile
