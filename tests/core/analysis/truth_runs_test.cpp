// Analysis across ranks of every shared real run: what must add up does, recordings are told apart.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "core/analysis/prepared_run.h"
#include "core/analysis/rank_idle.h"
#include "core/analysis/run_graph.h"
#include "core/analysis/step_model.h"
#include "core/analysis/trace_copy.h"
#include "core/import/importer.h"
#include "tests/core/analysis/step_invariants.h"

namespace caracal::analysis {
namespace {

const std::string kTraces = std::string(CARACAL_SOURCE_DIR) + "/../shared/traces";

bool tracesAreHere() {
  return std::filesystem::exists(kTraces + "/truth.json");
}

std::shared_ptr<const trace::Trace> load(const std::string& path) {
  const auto loaded = import::loadTraces({kTraces + "/" + path});
  EXPECT_TRUE(loaded) << loaded.error().text();
  return loaded ? loaded->trace : nullptr;
}

// Every folder of the shared traces as a run, and every file of the folders that hold several.
std::vector<std::string> runs() {
  namespace fs = std::filesystem;
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(kTraces, error)) {
    if (!entry.is_directory()) continue;
    const std::string folder = entry.path().filename().string();
    names.push_back(folder);
    const bool several = folder.find("edge") != std::string::npos || folder == "megatronapp-pp4" ||
                         folder == "nsys-2xh100-sp";
    if (!several) continue;
    for (const auto& file : fs::directory_iterator(entry.path(), error))
      names.push_back(folder + "/" + file.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  if (names.empty()) names.emplace_back();
  return names;
}

class EveryRealRun : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam().empty()) GTEST_SKIP() << "shared traces are not here: " << kTraces;
    const auto loaded = import::loadTraces({kTraces + "/" + GetParam()});
    // Some files are broken on purpose; whole runs are not.
    const bool mayFail = GetParam().starts_with("edge-derived/");
    ASSERT_TRUE(loaded.has_value() || mayFail) << loaded.error().text();
    if (!loaded) GTEST_SKIP() << loaded.error().text();
    run = prepareRun(loaded->trace, CommNames{});
  }
  PreparedRun run;
};

TEST_P(EveryRealRun, hasIdleCausesThatAddUp) {
  for (const RankStep& step : explainRanks(run, CommNames{})) {
    EXPECT_EQ(std::accumulate(step.causes.begin(), step.causes.end(), int64_t{0}),
              step.span.lengthNs() - step.busyNs);
    for (const int64_t ns : step.causes) EXPECT_GE(ns, 0);
  }
  if (const auto model = buildStepModel(*run.trace)) expectInvariants(*model);
}

TEST_P(EveryRealRun, hasACriticalPathThatAddsUp) {
  const auto graph = buildRunGraph(run, CommNames{});
  if (!graph) {
    EXPECT_EQ(graph.error().code, ErrorCode::kCannotAnswer);
    return;
  }
  const int64_t lengthNs = graph->graph.span().lengthNs();
  EXPECT_EQ(replayNs(graph->graph, unscaled()), lengthNs);
  const CriticalPath path = criticalPath(graph->graph);
  int64_t sumNs = 0;
  for (const PathStep& step : path.steps) sumNs += step.gapNs + step.workNs;
  EXPECT_EQ(sumNs, lengthNs);
  for (const int64_t slackNs : path.slackNs) EXPECT_GE(slackNs, 0);
}

INSTANTIATE_TEST_SUITE_P(Shared, EveryRealRun, testing::ValuesIn(runs()),
                         [](const testing::TestParamInfo<std::string>& param) {
                           std::string name = param.param.empty() ? "absent" : param.param;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
                           return name;
                         });

int64_t recordingsOf(const std::string& folder) {
  const auto trace = load(folder);
  return trace ? prepareRun(trace, CommNames{}).clocks.recordings : 0;
}

TEST(RecordingsOfRealTraces, areToldApart) {
  if (!tracesAreHere()) GTEST_SKIP() << "shared traces are not here: " << kTraces;
  EXPECT_EQ(recordingsOf("megatronapp-pp4"), 2);  // the same ranks twice
  EXPECT_EQ(recordingsOf("nsys-2xh100-sp"), 2);   // before and after a change
  EXPECT_EQ(recordingsOf("megatron-tp8-a100"), 1);
  EXPECT_EQ(recordingsOf("nsys-nccl-2nodes-rtx3090"), 1);
  EXPECT_EQ(recordingsOf("torchrec-dlrm-4xv100"), 1);
}

struct RealPasses {
  const char* folder;
  int64_t steps;  // (step, replica) pairs
  int32_t replicas;
};

// Training runs of PyTorch without a tracer for passes: one stage, one micro-batch each.
TEST(PassesOfRealRuns, areFoundByAnnotationsAndAutogradsLinks) {
  if (!tracesAreHere()) GTEST_SKIP() << "shared traces are not here: " << kTraces;
  for (const RealPasses& expected :
       {RealPasses{"megatron-tp2-v100", 1, 1}, RealPasses{"ddp-2xa100-pgmeta", 3, 1},
        RealPasses{"resnet-actckpt-ddp8-mi300", 3, 1}, RealPasses{"torchrec-dlrm-4xv100", 12, 4},
        RealPasses{"nanogpt-sharded-8xh100", 32, 8}}) {
    SCOPED_TRACE(expected.folder);
    const PreparedRun run = prepareRun(load(expected.folder), CommNames{});
    const auto model = buildStepModel(*run.trace);
    ASSERT_TRUE(model) << model.error().text();
    expectInvariants(*model);
    EXPECT_EQ(model->stageCount, 1);
    EXPECT_EQ(model->microBatches, 1);
    EXPECT_EQ(static_cast<int64_t>(model->steps.size()), expected.steps);
    EXPECT_EQ(model->replicaCount, expected.replicas);
    for (const StageSummary& stage : model->stages) {
      EXPECT_GT(stage.forwardNs, 0);
      EXPECT_GT(stage.backwardNs, stage.forwardNs / 2);
    }
  }
}

TEST(PassesOfRealRuns, areNotGuessed) {
  if (!tracesAreHere()) GTEST_SKIP() << "shared traces are not here: " << kTraces;
  for (const char* folder : {"megatron-tp8-a100", "ddp-2xv100-216k", "kineto-2021-capitalised",
                             "mtia-456k-metadata", "nsys-2xh100-sp", "qwen-h100-pystack"}) {
    const auto model = buildStepModel(*prepareRun(load(folder), CommNames{}).trace);
    ASSERT_FALSE(model) << folder;
    EXPECT_EQ(model.error().code, ErrorCode::kCannotAnswer) << folder;
  }
}

// A real run with one rank's clock set off and drifting, as if that rank ran on another host.
TEST(ClockOfARealRun, anInjectedSkewIsTakenOutWithinTheStatedResolution) {
  if (!tracesAreHere()) GTEST_SKIP() << "shared traces are not here: " << kTraces;
  constexpr uint32_t kRank = 3;
  constexpr double kDrift = 500e-6;
  const auto original = load("megatron-tp8-a100");
  const int64_t originNs = original->range().beginNs;
  for (const int64_t offsetNs : {int64_t{1'700'000}, int64_t{-40'000'000}}) {
    SCOPED_TRACE(offsetNs);
    trace::TraceBuilder copy = copyTrace(*original, [&](uint32_t rank, int64_t timeNs) {
      if (rank != kRank) return timeNs;
      return timeNs + offsetNs +
             static_cast<int64_t>(kDrift * static_cast<double>(timeNs - originNs));
    });
    copy.rank(kRank).host = "another";
    const PreparedRun run = prepareRun(std::move(copy).finish(), CommNames{});
    ASSERT_TRUE(run.clocks.ranks[kRank].corrected);
    EXPECT_EQ(run.collectives.matched.size(), 84u);
    int64_t within = 0;
    for (const MatchedCollective& match : run.collectives.matched) {
      const trace::EventIndex event = match.members[kRank].event;
      const int64_t errorNs = std::abs(run.trace->endNs(event) - original->endNs(event));
      if (errorNs <= run.clocks.resolutionNs) ++within;
      EXPECT_LE(errorNs, 3 * run.clocks.resolutionNs);
    }
    EXPECT_GE(within, 76);  // nine of ten
    EXPECT_LE(run.clocks.resolutionNs, 100'000);
  }
}

// Two recordings of one pipeline are not two replicas of it.
TEST(RecordingsOfRealTraces, twoOfOnePipelineAreNotMerged) {
  if (!tracesAreHere()) GTEST_SKIP() << "shared traces are not here: " << kTraces;
  const auto both = load("megatronapp-pp4");
  const auto alone = load("megatronapp-pp4/data-1-pipeline-4-tensor-1-pp-aggregated.json.gz");
  const auto model = buildStepModel(*both);
  const auto expected = buildStepModel(*alone);
  ASSERT_TRUE(model.has_value() && expected.has_value());
  EXPECT_EQ(model->replicaCount, 1);
  ASSERT_EQ(model->stages.size(), expected->stages.size());
  for (size_t s = 0; s < model->stages.size(); ++s) {
    EXPECT_EQ(model->stages[s].stepNs, expected->stages[s].stepNs);
    EXPECT_EQ(model->stages[s].causes, expected->stages[s].causes);
  }
}

}  // namespace
}  // namespace caracal::analysis
