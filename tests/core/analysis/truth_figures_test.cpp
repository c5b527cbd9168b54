// The analysis of every shared real trace against truth.json, figures that another program computed
// (definitions: `about` in that file).
#include <gtest/gtest.h>

#include <cctype>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>

#include "core/analysis/collectives.h"
#include "core/analysis/figures.h"
#include "core/analysis/kernel_breakdown.h"
#include "core/analysis/step_model.h"
#include "core/base/statistics.h"
#include "core/import/importer.h"
#include "tests/core/analysis/step_invariants.h"

namespace caracal::analysis {
namespace {

using nlohmann::json;

const std::string kTraces = std::string(CARACAL_SOURCE_DIR) + "/../shared/traces";

struct TruthFile {
  std::string path;
  json truth;
  friend void PrintTo(const TruthFile& file, std::ostream* out) { *out << file.path; }
};

// The files for which truth.json holds `what`; one entry without a path when the traces are not
// here.
std::vector<TruthFile> filesWith(const char* what) {
  const json::json_pointer pointer(what);
  std::vector<TruthFile> files;
  std::ifstream stream(kTraces + "/truth.json");
  if (stream) {
    const json document = json::parse(stream);
    for (const auto& [path, truth] : document["files"].items()) {
      if (truth.contains(pointer) && !truth[pointer].empty()) files.push_back({path, truth});
    }
  }
  if (files.empty()) files.push_back({});
  return files;
}

std::string testName(const testing::TestParamInfo<TruthFile>& info) {
  std::string name = info.param.path.empty() ? "absent" : info.param.path;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

std::shared_ptr<const trace::Trace> load(const std::vector<std::string>& paths) {
  std::vector<std::string> full;
  for (const std::string& path : paths) full.push_back(kTraces + "/" + path);
  const auto loaded = import::loadTraces(full);
  if (!loaded) {
    ADD_FAILURE() << loaded.error().text();
    return nullptr;
  }
  EXPECT_TRUE(loaded->skipped.empty());
  return loaded->trace;
}

void expectPercent(double actual, const json& expected) {
  EXPECT_NEAR(actual, expected.is_null() ? 0.0 : expected.get<double>(), 0.005 + 1e-9);
}

class Truth : public testing::TestWithParam<TruthFile> {
 protected:
  void SetUp() override {
    if (GetParam().path.empty()) GTEST_SKIP() << "shared traces are not here: " << kTraces;
    trace = load({GetParam().path});
    ASSERT_NE(trace, nullptr);
  }
  std::shared_ptr<const trace::Trace> trace;
};

class FiguresOfRealTraces : public Truth {};

TEST_P(FiguresOfRealTraces, equalTruthToTheNanosecond) {
  const json& devices = GetParam().truth["devices"];
  const auto rows = deviceFigures(*trace, CommNames{});
  const auto counts = deviceCounts(*trace, CommNames{});
  ASSERT_EQ(rows.size(), counts.size());
  std::set<std::string> found;
  for (size_t i = 0; i < rows.size(); ++i) {
    const DeviceFigures& row = rows[i];
    if (row.device.empty()) continue;  // a rank without GPU work
    SCOPED_TRACE("device " + row.device);
    ASSERT_TRUE(devices.contains(row.device));
    found.insert(row.device);
    const json& truth = devices[row.device];
    EXPECT_EQ(row.spanNs, truth["span_ns"]);
    EXPECT_EQ(row.busyNs, truth["busy_ns"]);
    EXPECT_EQ(row.computeNs, truth["compute_union_ns"]);
    EXPECT_EQ(row.commNs, truth["comm_union_ns"]);
    EXPECT_EQ(row.exposedCommNs, truth["exposed_comm_ns"]);
    EXPECT_EQ(row.commNs - row.exposedCommNs, truth["overlap_ns"]);
    EXPECT_EQ(row.idleNs, truth["idle_ns"]);
    expectPercent(row.overlapPct, truth["overlap_pct"]);
    EXPECT_EQ(counts[i].device, row.device);
    EXPECT_EQ(counts[i].gpuKernels, truth["kernels"]);
    EXPECT_EQ(counts[i].gpuMemcpy, truth["memcpy"]);
    EXPECT_EQ(counts[i].gpuMemset, truth["memset"]);
    EXPECT_EQ(counts[i].gpuGraphs, truth["graphs"]);
    EXPECT_EQ(counts[i].ncclKernels, truth["comm_kernels"]);
    EXPECT_EQ(counts[i].ncclByKind, (truth["comm_by_kind"].get<std::map<std::string, int64_t>>()));
  }
  EXPECT_EQ(found.size(), devices.size());
}

INSTANTIATE_TEST_SUITE_P(Shared, FiguresOfRealTraces, testing::ValuesIn(filesWith("/devices")),
                         testName);

class EveryRealTrace : public Truth {};

TEST_P(EveryRealTrace, hasFiguresThatFitTogether) {
  for (const auto& range :
       {std::optional<Span>(),
        std::optional<Span>(Span{trace->range().beginNs + trace->range().lengthNs() / 3,
                                 trace->range().beginNs + trace->range().lengthNs() / 2})}) {
    for (const DeviceFigures& row : deviceFigures(*trace, CommNames{}, range)) {
      EXPECT_LE(row.computeNs + row.exposedCommNs, row.busyNs);
      EXPECT_LE(row.busyNs, row.spanNs);
      EXPECT_EQ(row.idleNs, row.spanNs - row.busyNs);
      EXPECT_LE(row.exposedCommNs, row.commNs);
      EXPECT_GE(row.overlapPct, 0.0);
      EXPECT_LE(row.overlapPct, 100.0);
      if (range) {
        EXPECT_LE(row.spanNs, range->lengthNs());
      }
    }
  }
  int64_t busyNs = 0;
  for (const DeviceFigures& row : deviceFigures(*trace, CommNames{})) {
    if (!row.device.empty()) busyNs += row.busyNs;
  }
  int64_t typesNs = 0;
  for (const KernelTypeTime& row :
       kernelTypeTimes(*trace, CommNames{}, MemoryOperations::kCounted)) {
    typesNs += row.sumNs;
  }
  EXPECT_EQ(typesNs, busyNs);
  const auto model = buildStepModel(*trace);
  EXPECT_EQ(model.has_value(), GetParam().truth.contains("pipeline"));
  if (model) expectInvariants(*model);
}

INSTANTIATE_TEST_SUITE_P(Shared, EveryRealTrace, testing::ValuesIn(filesWith("/devices")),
                         testName);
INSTANTIATE_TEST_SUITE_P(SharedPipelines, EveryRealTrace, testing::ValuesIn(filesWith("/pipeline")),
                         testName);

class RealPipelines : public Truth {};

TEST_P(RealPipelines, haveTheStagesOfTruth) {
  const auto model = buildStepModel(*trace);
  ASSERT_TRUE(model) << model.error().text();
  const json& pipeline = GetParam().truth["pipeline"];
  ASSERT_EQ(model->stages.size(), pipeline["by_stage"].size());
  for (const StageSummary& stage : model->stages) {
    SCOPED_TRACE("stage " + std::to_string(stage.stage));
    const json& truth = pipeline["by_stage"][std::to_string(stage.stage)];
    EXPECT_EQ(stage.steps,
              truth.contains("worker_steps") ? truth["worker_steps"] : truth["iterations"]);
    EXPECT_EQ(stage.pipelineNs, truth["window_ns"]);
    EXPECT_EQ(stage.computeNs, truth["compute_ns"]);
    EXPECT_EQ(stage.bubbleNs, truth["bubble_ns"]);
    expectPercent(stage.bubblePct, truth["bubble_pct"]);
  }
  EXPECT_EQ(model->replicaCount, pipeline.value("dp_ranks", 1));
  EXPECT_EQ(model->chunks, pipeline.value("model_chunks", 1));
  if (pipeline.contains("microbatches")) {
    EXPECT_EQ(model->microBatches, pipeline["microbatches"]);
  }
  EXPECT_EQ(model->schedule, model->chunks > 1 ? "interleaved 1F1B" : "1F1B");
}

INSTANTIATE_TEST_SUITE_P(Shared, RealPipelines, testing::ValuesIn(filesWith("/pipeline")),
                         testName);

class RealPipelineSteps : public Truth {};

TEST_P(RealPipelineSteps, haveTheRowsOfTruth) {
  const json& pipeline = GetParam().truth["pipeline"];
  const auto model = buildStepModel(*trace);
  ASSERT_TRUE(model) << model.error().text();
  for (const json& row : pipeline["first_rows"]) {
    SCOPED_TRACE(row.dump());
    const auto stage =
        std::find_if(model->stageSteps.begin(), model->stageSteps.end(), [&](const StageStep& s) {
          return s.step == row["step"] && s.replica == row["dp"] && s.stage == row["pp"];
        });
    ASSERT_NE(stage, model->stageSteps.end());
    EXPECT_EQ(stage->pipelineWindow.lengthNs(), row["window_ns"]);
    EXPECT_EQ(stage->computeNs, row["compute_ns"]);
    EXPECT_EQ(stage->bubbleNs, row["bubble_ns"]);
  }
}

INSTANTIATE_TEST_SUITE_P(Shared, RealPipelineSteps,
                         testing::ValuesIn(filesWith("/pipeline/first_rows")), testName);

std::vector<std::string> megatronRanks() {
  std::vector<std::string> paths;
  for (int rank = 0; rank < 8; ++rank) {
    paths.push_back("megatron-tp8-a100/megatron_kineto_" + std::to_string(rank) + ".json.gz");
  }
  return paths;
}

// 84 all-reduces on 8 ranks of one node: they end within 30 us of each other and start 2.8 ms
// apart.
TEST(CollectivesOfRealTraces, megatronsAllReducesEndTogetherAndStartApart) {
  if (!std::ifstream(kTraces + "/truth.json"))
    GTEST_SKIP() << "shared traces are not here: " << kTraces;
  const auto trace = load(megatronRanks());
  ASSERT_NE(trace, nullptr);
  const auto matching = matchCollectives(*trace, CommNames{});
  EXPECT_EQ(matching.matched.size(), 84u);
  EXPECT_EQ(matching.unmatchedEvents, 0);
  std::vector<int64_t> endsApart;
  std::vector<int64_t> startsApart;
  for (const MatchedCollective& match : matching.matched) {
    EXPECT_EQ(match.kind, trace::CollectiveKind::kAllReduce);
    ASSERT_EQ(match.members.size(), 8u);
    int64_t firstEnd = std::numeric_limits<int64_t>::max();
    int64_t lastEnd = std::numeric_limits<int64_t>::min();
    int64_t longestWait = 0;
    for (const CollectiveMember& member : match.members) {
      firstEnd = std::min(firstEnd, trace->endNs(member.event));
      lastEnd = std::max(lastEnd, trace->endNs(member.event));
      longestWait = std::max(longestWait, member.waitNs);
    }
    endsApart.push_back(lastEnd - firstEnd);
    startsApart.push_back(longestWait);
  }
  EXPECT_LE(median(endsApart), 30'000);
  EXPECT_NEAR(static_cast<double>(median(startsApart)), 2.8e6, 0.1e6);
}

}  // namespace
}  // namespace caracal::analysis
