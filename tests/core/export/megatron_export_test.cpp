#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/base/files.h"
#include "core/export/exporter.h"
#include "core/export/megatron_arguments.h"
#include "core/export/megatron_layout.h"
#include "core/plan/plan_json.h"
#include "core/profile/model_description.h"
#include "core/profile/profile_json.h"
#include "tests/support/layers.h"

namespace caracal::exporter {
namespace {

using plan::LayerPolicy;
using plan::Plan;
using profile::Profile;

// 12 layers on 4 stages of 2 tensor ranks, one kind of layer with unfused attention.
Profile sampleProfile() {
  auto model = *profile::loadModel("gpt-1.3b");
  model.shape.layers = 12;
  return *profile::profileFromModel(model, *profile::loadHardware("a100-40gb-nvlink"));
}

Plan keepAllPlan(const Profile& profile) {
  Plan plan = test::makePlanOf(profile, {test::keepAll(profile.kinds[0])});
  plan.name = "My plan: 30 GiB";
  plan.profileHash = profile::hashOf(profile);
  return plan;
}

// The first `count` layers of every stage recomputed whole.
Plan blockPlan(const Profile& profile, int count) {
  Plan plan = keepAllPlan(profile);
  for (plan::StagePlan& stage : plan.stages) {
    for (int i = 0; i < count; ++i) {
      stage.layers[static_cast<size_t>(i)].placements = test::recomputeAll(profile.kinds[0]);
    }
  }
  return plan;
}

// Uneven stages, and in each layer a few tensors rebuilt in windows.
Plan windowedPlan(const Profile& profile) {
  Plan plan = keepAllPlan(profile);
  plan.stages[0].layers.push_back(plan.stages[3].layers.back());
  plan.stages[3].layers.pop_back();
  for (size_t s = 1; s < plan.stages.size(); ++s) ++plan.stages[s].firstLayer;
  const auto placements = test::placements(
      profile.kinds[0],
      "ln1=prev.bwd.mlp qkv=retained scores=own.bwd.mlp softmax=own.bwd.mlp "
      "attn_dropout=own.bwd.mlp context=retained "
      "residual1=retained ln2=prev.bwd.mlp fc1=prev.bwd.attn act=prev.bwd.attn residual2=retained");
  for (plan::StagePlan& stage : plan.stages) {
    for (LayerPolicy& layer : stage.layers) layer.placements = placements;
  }
  return plan;
}

ExportResult exported(const Profile& profile, const Plan& plan) {
  auto result = exportPlan("megatron-lm", profile, plan);
  EXPECT_TRUE(result) << result.error().text();
  return result ? std::move(*result) : ExportResult{};
}

const ExportFile& fileOf(const ExportResult& result, const std::string& ending) {
  for (const ExportFile& file : result.files) {
    if (file.name.ends_with(ending)) return file;
  }
  ADD_FAILURE() << "no file ends with " << ending;
  return result.files.front();
}

std::vector<std::string> argumentsOf(const ExportResult& result) {
  return nlohmann::json::parse(fileOf(result, ".megatron.json").content)["argv"]
      .get<std::vector<std::string>>();
}

std::string joined(const std::vector<std::string>& arguments) {
  std::string text;
  for (const std::string& argument : arguments) text += (text.empty() ? "" : " ") + argument;
  return text;
}

Fidelity fidelityOf(const ExportResult& result, const std::string& field) {
  for (const FieldLoss& loss : result.losses) {
    if (loss.field == field) return loss.fidelity;
  }
  ADD_FAILURE() << "no loss entry for " << field;
  return Fidelity::kDropped;
}

TEST(MegatronExport, aPlanThatKeepsAllNeedsNoRecomputeFlag) {
  const Profile profile = sampleProfile();
  const ExportResult result = exported(profile, keepAllPlan(profile));
  EXPECT_EQ(joined(argumentsOf(result)),
            "--tensor-model-parallel-size 2 --pipeline-model-parallel-size 4 --micro-batch-size 16 "
            "--global-batch-size "
            "256 --pipeline-model-parallel-layout Et*3|t*3|t*3|t*3,L");
  EXPECT_EQ(fidelityOf(result, "recomputed tensors"), Fidelity::kExact);
  EXPECT_EQ(result.planned.stepNs, result.predicted.stepNs);
}

TEST(MegatronExport, itsOwnPoliciesAreExact) {
  const Profile profile = sampleProfile();
  const std::pair<Plan, std::string> cases[] = {
      {blockPlan(profile, 1),
       "--recompute-granularity full --recompute-method block --recompute-num-layers 1"},
      {blockPlan(profile, 2),
       "--recompute-granularity full --recompute-method block --recompute-num-layers 2"},
      {blockPlan(profile, 3),
       "--recompute-granularity full --recompute-method uniform --recompute-num-layers 1"}};
  for (const auto& [plan, flags] : cases) {
    const ExportResult result = exported(profile, plan);
    EXPECT_TRUE(joined(argumentsOf(result)).ends_with(flags)) << joined(argumentsOf(result));
    EXPECT_EQ(fidelityOf(result, "recomputed tensors"), Fidelity::kExact);
    EXPECT_EQ(fidelityOf(result, "recompute timing"), Fidelity::kExact);
    EXPECT_EQ(result.planned.stepNs, result.predicted.stepNs) << flags;
  }
  Plan units = blockPlan(profile, 3);
  for (plan::StagePlan& stage : units.stages) stage.layers[1].keepsInput = false;
  EXPECT_TRUE(
      joined(argumentsOf(exported(profile, units))).ends_with("uniform --recompute-num-layers 2"));
  Plan selective = keepAllPlan(profile);
  for (plan::StagePlan& stage : selective.stages) {
    for (LayerPolicy& layer : stage.layers) {
      for (const char* id : {"scores", "softmax", "attn_dropout"}) {
        layer.placements[static_cast<size_t>(profile.kinds[0].indexOf(id))] = {
            plan::PlacementKind::kOnDemand};
      }
    }
  }
  EXPECT_TRUE(joined(argumentsOf(exported(profile, selective)))
                  .ends_with("selective --recompute-modules core_attn"));
}

TEST(MegatronExport, windowsAreLostAndBothTimesAreSaid) {
  const Profile profile = sampleProfile();
  const Plan plan = windowedPlan(profile);
  const ExportResult result = exported(profile, plan);
  EXPECT_EQ(fidelityOf(result, "partition"), Fidelity::kExact);
  EXPECT_EQ(fidelityOf(result, "recomputed tensors"), Fidelity::kProjected);
  EXPECT_EQ(fidelityOf(result, "recompute timing"), Fidelity::kDropped);
  EXPECT_NE(joined(argumentsOf(result)).find("Et*4|t*3|t*3|t*2,L"), std::string::npos);
  EXPECT_TRUE(plan::validate(profile, result.projected))
      << "the projection is a plan of the same profile";
  const auto again = sim::simulate(profile, result.projected);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->stepNs, result.predicted.stepNs);
  for (const sim::StageResult& stage : result.predicted.stages)
    EXPECT_EQ(stage.hiddenRecomputeNs, 0);
  const auto losses = nlohmann::json::parse(fileOf(result, ".loss.json").content);
  EXPECT_EQ(losses["schema"], "caracal.export-loss/1");
  EXPECT_EQ(losses["planned"]["stepNs"], result.planned.stepNs);
  EXPECT_EQ(losses["projected"]["stepNs"], result.predicted.stepNs);
  EXPECT_EQ(losses["targetVersion"], std::string(kMegatronCommit));
}

TEST(MegatronExport, takesTheFasterProjectionThatFits) {
  const Profile profile = sampleProfile();
  Plan plan = windowedPlan(profile);
  const auto needs = [&](const MegatronRecompute& recompute) {
    int64_t worst = 0;
    const auto prediction = sim::simulate(profile, projected(profile, plan, recompute));
    for (const sim::StageResult& stage : prediction->stages) {
      worst = std::max(worst, stage.peakBytes);
    }
    return worst;
  };
  const int64_t selective = needs({MegatronGranularity::kSelective, 0});
  const int64_t everything = needs({MegatronGranularity::kUniform, 1});
  ASSERT_LT(everything, selective);
  const auto withBudget = [&](int64_t bytes) {
    for (plan::StagePlan& stage : plan.stages) stage.budgetBytes = bytes;
    return exported(profile, plan);
  };
  // Room for selective, which costs less time than whole layers of every stage.
  const ExportResult roomy = withBudget(selective);
  EXPECT_TRUE(roomy.predicted.fits);
  const ExportResult tight = withBudget(everything);
  EXPECT_TRUE(tight.predicted.fits);
  EXPECT_EQ(tight.projected.policy, "megatron-lm full/uniform/1");
  EXPECT_LE(roomy.predicted.stepNs, tight.predicted.stepNs);
  const ExportResult impossible = withBudget(everything / 2);
  EXPECT_FALSE(impossible.predicted.fits);
  EXPECT_EQ(impossible.projected.policy, "megatron-lm full/uniform/1");
  bool said = false;
  for (const FieldLoss& loss : impossible.losses)
    said |= loss.words.find("nothing that the target offers fits") == 0;
  EXPECT_TRUE(said);
}

// The flags read back: partition, sizes and recomputation of the projection.
TEST(MegatronExport, flagsReadBackAsTheProjectedPlan) {
  const Profile profile = sampleProfile();
  for (const Plan& plan : {keepAllPlan(profile), blockPlan(profile, 2), windowedPlan(profile)}) {
    const ExportResult result = exported(profile, plan);
    const auto arguments = argumentsOf(result);
    const auto valueOf = [&](const std::string& flag) {
      const auto found = std::find(arguments.begin(), arguments.end(), flag);
      return found == arguments.end() ? std::string() : *(found + 1);
    };
    const auto stages = parseLayout(valueOf("--pipeline-model-parallel-layout"));
    ASSERT_TRUE(stages);
    std::vector<int32_t> partition;
    for (const std::string& stage : *stages)
      partition.push_back(static_cast<int32_t>(std::count(stage.begin(), stage.end(), 't')));
    EXPECT_EQ(partition, plan.partition());
    MegatronRecompute recompute;
    if (valueOf("--recompute-granularity") == "selective")
      recompute.granularity = MegatronGranularity::kSelective;
    if (valueOf("--recompute-granularity") == "full") {
      const bool block = valueOf("--recompute-method") == "block";
      recompute = {block ? MegatronGranularity::kBlock : MegatronGranularity::kUniform,
                   std::stoi(valueOf("--recompute-num-layers"))};
    }
    EXPECT_EQ(projected(profile, plan, recompute), result.projected);
    const auto status =
        checkMegatronArguments(arguments, {profile.model.layers, profile.parallel.ranks()});
    EXPECT_TRUE(status) << status.error().text();
  }
}

TEST(MegatronExport, bashGetsTheSameWordsAsTheJsonList) {
  const Profile profile = sampleProfile();
  const Plan plan = windowedPlan(profile);
  const ExportResult result = exported(profile, plan);
  const std::string folder = testing::TempDir() + "caracal_export_test";
  ASSERT_TRUE(writeFiles(result, folder + "/nested"));
  const std::string script = folder + "/nested/" + fileOf(result, ".megatron.sh").name;
  const std::string command = "bash -c 'source \"" + script +
                              "\" && printf \"%s\\n\" \"${CARACAL_ARGS[@]}\" "
                              "\"$CARACAL_PLAN_HASH\" \"$CUDA_DEVICE_MAX_CONNECTIONS\"'";
  FILE* pipe = ::popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string output;
  std::array<char, 256> buffer;
  while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) output += buffer.data();
  EXPECT_EQ(::pclose(pipe), 0);
  std::string expected;
  for (const std::string& argument : argumentsOf(result)) expected += argument + "\n";
  EXPECT_EQ(output, expected + plan::hashOf(plan) + "\n1\n");
  std::filesystem::remove_all(folder);
}

TEST(MegatronExport, carriesTheUntouchedPlanAndItsHash) {
  const Profile profile = sampleProfile();
  const Plan plan = windowedPlan(profile);
  const ExportResult result = exported(profile, plan);
  const auto again = plan::planFromJson(fileOf(result, ".plan.json").content, profile);
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, plan);
  EXPECT_NE(fileOf(result, ".megatron.sh").content.find(plan::hashOf(plan)), std::string::npos);
  const auto arguments = nlohmann::json::parse(fileOf(result, ".megatron.json").content);
  EXPECT_EQ(arguments["planHash"], plan::hashOf(plan));
  EXPECT_EQ(fileOf(result, ".plan.json").name, "my-plan-30-gib.plan.json");
}

TEST(Export, refusesUnknownTargetsAndInvalidPlansInWords) {
  const Profile profile = sampleProfile();
  Plan plan = keepAllPlan(profile);
  EXPECT_EQ(exportPlan("megatron", profile, plan).error().text(),
            "there is no export target \"megatron\"; known: megatron-lm");
  plan.stages[0].layers[0].placements[0] = {plan::PlacementKind::kDiscarded};
  EXPECT_NE(exportPlan("megatron-lm", profile, plan)
                .error()
                .text()
                .find("stage 0, layer 0, ln1: is discarded"),
            std::string::npos);
}

TEST(Export, unwritableFoldersAreNamed) {
  const Profile profile = sampleProfile();
  const ExportResult result = exported(profile, keepAllPlan(profile));
  const auto status = writeFiles(result, "/proc/caracal");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kIo);
  EXPECT_EQ(status.error().where, "/proc/caracal");
}

}  // namespace
}  // namespace caracal::exporter
