// info, analyze and render on small traces and, where they are, on the shared ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/app/cli/run_caracal.h"

namespace caracal::cli {
namespace {

using nlohmann::json;
using test::runCaracal;
using test::runCaracalJson;
using test::TemporaryFolder;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(Info, listsRanksWithTheFieldsThatScriptsRelyOn) {
  const TemporaryFolder folder;
  const json document =
      runCaracalJson({"info", folder.write("rank1.json", test::smallKinetoTrace(1)),
                      folder.write("rank0.json", test::smallKinetoTrace(0))});
  EXPECT_EQ(document.at("schema"), "caracal.info/1");
  EXPECT_EQ(document.at("format"), "kineto");
  ASSERT_EQ(document.at("ranks").size(), 2U);
  const json& row = document.at("ranks").at(1);
  EXPECT_EQ(row.at("rank"), 1);
  EXPECT_EQ(row.at("device"), "1");
  EXPECT_EQ(row.at("events"), 4);
  EXPECT_EQ(row.at("cpuEvents"), 1);
  EXPECT_EQ(row.at("gpuKernels"), 2);
  EXPECT_EQ(row.at("gpuMemcpy"), 1);
  EXPECT_EQ(row.at("gpuMemset"), 0);
  EXPECT_EQ(row.at("ncclKernels"), 1);
  EXPECT_EQ(row.at("ncclByKind").at("AllReduce"), 1);
  EXPECT_GE(document.at("loadSeconds").get<double>(), 0.0);
  EXPECT_GT(document.at("peakRssBytes").get<int64_t>(), 0);
  EXPECT_GT(document.at("bytesPerEvent").get<double>(), 0.0);
  EXPECT_EQ(document.at("quality").at("truncatedInput"), 0) << document.at("quality");
}

TEST(Cache, tellsWhatItHoldsAndForgetsItWhenAsked) {
  const TemporaryFolder folder;
  const std::string cache = folder.path("cache");
  const std::string trace = folder.write("rank0.json", test::smallKinetoTrace(0));
  const auto answer = [&](std::vector<std::string> options) {
    options.insert(options.begin(), "cache");
    options.push_back("--json");
    const test::Answer said = runCaracal(options, cache);
    EXPECT_EQ(said.exitCode, 0) << said.err;
    return json::parse(said.out);
  };
  EXPECT_EQ(answer({}).at("entries").size(), 0U);
  ASSERT_EQ(runCaracal({"info", trace}, cache).exitCode, 0);
  const json full = answer({});
  EXPECT_EQ(full.at("folder"), cache);
  ASSERT_EQ(full.at("entries").size(), 1U);
  EXPECT_EQ(full.at("bytes"), full.at("entries").at(0).at("bytes"));
  EXPECT_EQ(full.at("entries").at(0).at("sources"), json::array({trace}));
  EXPECT_LT(full.at("entries").at(0).at("ageSeconds"), 3600);
  EXPECT_EQ(answer({"--clear"}).at("entries").size(), 0U);
  const json limited = answer({"--limit", "1KB"});
  EXPECT_EQ(limited.at("limitBytes"), 1000);
  const test::Answer said = runCaracal({"info", trace}, cache);
  EXPECT_EQ(said.exitCode, 0);
  EXPECT_THAT(said.err, HasSubstr("larger than the whole cache"));
  EXPECT_EQ(answer({"--limit", "1GB"}).at("limitBytes"), 1'000'000'000);
}

TEST(Cache, forgetsRunsWhoseFilesHaveAnotherContentWhenItIsCheckedAndSaysWhichTheyAre) {
  const TemporaryFolder folder;
  const std::string cache = folder.path("cache");
  const std::string same = folder.write("rank0.json", test::smallKinetoTrace(0));
  const std::string other = folder.write("rank1.json", test::smallKinetoTrace(1));
  ASSERT_EQ(runCaracal({"info", same}, cache).exitCode, 0);
  ASSERT_EQ(runCaracal({"info", other}, cache).exitCode, 0);
  const auto time = std::filesystem::last_write_time(other);
  folder.write("rank1.json", test::smallKinetoTrace(2));
  std::filesystem::last_write_time(other, time);
  EXPECT_THAT(runCaracal({"cache"}, cache).out, AllOf(HasSubstr(same), HasSubstr(other)));
  const test::Answer checked = runCaracal({"cache", "--check"}, cache);
  EXPECT_EQ(checked.exitCode, 0);
  EXPECT_THAT(checked.err, AllOf(HasSubstr("rank1.json"), HasSubstr("another content")));
  EXPECT_THAT(checked.out, AllOf(HasSubstr(same), Not(HasSubstr(other))));
}

TEST(Analyze, figuresAreUnionsOfIntervals) {
  const TemporaryFolder folder;
  const json document =
      runCaracalJson({"analyze", folder.write("rank0.json", test::smallKinetoTrace(0))});
  EXPECT_EQ(document.at("schema"), "caracal.analyze/1");
  ASSERT_EQ(document.at("ranks").size(), 1U);
  const json& row = document.at("ranks").at(0);
  EXPECT_EQ(row.at("spanNs"), 22000);
  EXPECT_EQ(row.at("busyNs"), 16000);
  EXPECT_EQ(row.at("computeNs"), 10000);
  EXPECT_EQ(row.at("commNs"), 6000);
  EXPECT_EQ(row.at("exposedCommNs"), 4000);
  EXPECT_EQ(row.at("idleNs"), 6000);
  EXPECT_NEAR(row.at("overlapPct").get<double>(), 100.0 / 3, 1e-9);
  EXPECT_FALSE(document.contains("stages"));
  EXPECT_THAT(document.at("stagesMissing").get<std::string>(), HasSubstr("pipeline"));
}

TEST(Analyze, withoutStagesEachRanksIdleTimeHasItsCauses) {
  const TemporaryFolder folder;
  const std::string trace = folder.write("rank0.json", test::smallKinetoTrace(0));
  EXPECT_THAT(runCaracal({"analyze", trace}).out,
              AllOf(HasSubstr("no stages: "), HasSubstr("idle because of"), HasSubstr("rank 0")));
  const json document = runCaracalJson({"analyze", trace});
  ASSERT_EQ(document.at("rankSteps").size(), 1U);
  const json& step = document.at("rankSteps").at(0);
  int64_t idleNs = 0;
  for (const auto& [cause, ns] : step.at("causes").items()) idleNs += ns.get<int64_t>();
  EXPECT_EQ(idleNs, step.at("stepNs").get<int64_t>() - step.at("busyNs").get<int64_t>());
}

TEST(Analyze, aPathBehindAQuestionIsAPath) {
  const TemporaryFolder folder;
  const std::string trace = folder.write("rank0.json", test::smallKinetoTrace(0));
  const auto asked =
      runCaracal({"analyze", "--what-if", "gemm=2x", "--what-if", "all-reduce=2x", trace});
  EXPECT_EQ(asked.exitCode, 0) << asked.err;
  EXPECT_THAT(asked.out, AllOf(HasSubstr("gemm"), HasSubstr("all-reduce")));
}

TEST(Analyze, theTableOfCommunicationNamesIsShownAndCanBeReplaced) {
  const TemporaryFolder folder;
  const std::string trace = folder.write("rank0.json", test::smallKinetoTrace(0));
  const auto shown = runCaracal({"analyze", trace, "--table", "comm-kernels"});
  EXPECT_EQ(shown.exitCode, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("nccl rccl"));
  EXPECT_THAT(shown.out, HasSubstr("ncclDevKernel_AllReduce_Sum_f32"));
  const std::string table =
      folder.write("names.json", R"({"schema": "caracal.comm-kernels/1", "parts": ["gemm"]})");
  const json replaced = runCaracalJson({"analyze", trace, "--comm-kernels", table});
  EXPECT_EQ(replaced.at("ranks").at(0).at("commNs"), 10000);
}

TEST(Analyze, tablesComeAsTextJsonAndCsv) {
  const TemporaryFolder folder;
  const std::string trace = folder.write("rank0.json", test::smallKinetoTrace(0));
  const auto list = runCaracal({"analyze", "--table", "list"});
  EXPECT_EQ(list.exitCode, 0);
  EXPECT_THAT(list.out, HasSubstr("temporal-breakdown"));
  const json table = runCaracalJson({"analyze", trace, "--table", "temporal-breakdown"});
  EXPECT_EQ(table.at("schema"), "caracal.table/1");
  EXPECT_EQ(table.at("rows").at(0).at("idleNs"), 6000);
  const std::string csv = folder.path("out.csv");
  EXPECT_EQ(runCaracal({"analyze", trace, "--table", "temporal-breakdown", "-o", csv}).exitCode, 0);
  std::ifstream in(csv);
  std::string header, row;
  std::getline(in, header);
  std::getline(in, row);
  EXPECT_THAT(header, HasSubstr("rank,device,idleNs,computeNs"));
  EXPECT_THAT(row, HasSubstr("0,0,6000,10000,6000,22000"));
  EXPECT_EQ(runCaracal({"analyze", trace, "-o", csv}).exitCode, 2);
  EXPECT_EQ(runCaracal({"analyze"}).exitCode, 2);
  EXPECT_EQ(runCaracal({"analyze", trace, "--table", "stragglers"}).exitCode, 4);
}

TEST(Analyze, aHintPlacesRanksThatATraceDoesNot) {
  const TemporaryFolder folder;
  const std::string trace = folder.write("rank0.json", test::smallKinetoTrace(0));
  const std::string hint = folder.write(
      "hint.json", R"({"schema": "caracal.hint/1", "ranks": [{"rank": 0, "stage": 3}]})");
  const auto told = runCaracal({"analyze", trace, "--table", "structure-ranks", "--hint", hint});
  EXPECT_EQ(told.exitCode, 0) << told.err;
  EXPECT_THAT(told.out, HasSubstr("hint"));
  const std::string wrong = folder.write("wrong.json", R"({"schema": "caracal.hint/2"})");
  const auto refused = runCaracal({"analyze", trace, "--hint", wrong});
  EXPECT_EQ(refused.exitCode, 4);
  EXPECT_THAT(refused.err, HasSubstr("wrong.json"));
}

TEST(Analyze, whatIfsNameTheirKindsOfWork) {
  const TemporaryFolder folder;
  const std::string trace = folder.write("rank0.json", test::smallKinetoTrace(0));
  const json answer = runCaracalJson({"analyze", trace, "--what-if", "all-reduce=2x"});
  EXPECT_EQ(answer.at("rows").at(0).at("kind"), "all-reduce");
  EXPECT_GT(answer.at("rows").at(0).at("beforeNs").get<int64_t>(), 0);
  const auto unknown = runCaracal({"analyze", trace, "--what-if", "wishes=2x"});
  EXPECT_EQ(unknown.exitCode, 2);
  EXPECT_THAT(unknown.err, HasSubstr("all-reduce"));
}

TEST(Info, partsOfARunAreLoadedAndSaidToBeParts) {
  const TemporaryFolder folder;
  const std::string zero = folder.write("rank0.json", test::smallKinetoTrace(0));
  const std::string one = folder.write("rank1.json", test::smallKinetoTrace(1));
  const json whole = runCaracalJson({"info", zero, one});
  EXPECT_EQ(whole.at("ranks").size(), 2U);
  const json rank = runCaracalJson({"info", zero, one, "--ranks", "1"});
  ASSERT_EQ(rank.at("ranks").size(), 1U);
  EXPECT_EQ(rank.at("ranks").at(0).at("rank"), 1);
  const json kernels = runCaracalJson({"info", zero, "--categories", "kernel"});
  EXPECT_EQ(kernels.at("ranks").at(0).at("cpuEvents"), 0);
  EXPECT_EQ(kernels.at("ranks").at(0).at("gpuKernels"), 2);
  EXPECT_GT(kernels.at("quality").at("leftOutByRequest").get<int64_t>(), 0);
  EXPECT_EQ(runCaracal({"info", zero, "--categories", "wishes"}).exitCode, 2);
}

TEST(Info, anOpenedRunIsFoundInTheCacheAndADamagedEntryIsSaid) {
  const TemporaryFolder folder;
  const std::string trace = folder.write("rank0.json", test::smallKinetoTrace(0));
  const std::string cache = folder.path("cache");
  const auto figures = [](const std::string& text) {
    json document = json::parse(text);
    return document.at("ranks");
  };
  const auto first = runCaracal({"info", trace, "--json"}, cache);
  ASSERT_EQ(first.exitCode, 0) << first.err;
  std::vector<std::filesystem::path> entries;
  for (const auto& entry : std::filesystem::directory_iterator(cache)) entries.push_back(entry);
  ASSERT_EQ(entries.size(), 1U);
  const auto again = runCaracal({"info", trace, "--json"}, cache);
  EXPECT_EQ(figures(again.out), figures(first.out));
  EXPECT_EQ(again.err, "");
  std::filesystem::resize_file(entries.front(), std::filesystem::file_size(entries.front()) / 2);
  const auto repaired = runCaracal({"info", trace, "--json"}, cache);
  EXPECT_EQ(figures(repaired.out), figures(first.out));
  EXPECT_THAT(repaired.err, HasSubstr("cache"));
}

TEST(Compare, tracesWithoutStepsAreComparedByTheirDevices) {
  const TemporaryFolder folder;
  const std::string a = folder.write("a.json", test::smallKinetoTrace(0));
  const std::string b = folder.write("b.json", test::smallKinetoTrace(1));
  const json compared = runCaracalJson({"compare", a, b});
  EXPECT_THAT(compared.at("stepsMissing").get<std::string>(), HasSubstr("a.json"));
  ASSERT_EQ(compared.at("runs").size(), 2U);
  const json analyzed = runCaracalJson({"analyze", b});
  EXPECT_EQ(compared.at("runs").at(1).at("ranks"), analyzed.at("ranks"));
  EXPECT_EQ(compared.at("runs").at(1).at("mean").at("busyNs"),
            analyzed.at("ranks").at(0).at("busyNs"));
  EXPECT_EQ(compared.at("runs").at(0).at("change").at("busyPct"), 0.0);
  EXPECT_THAT(runCaracal({"compare", a, b}).out, HasSubstr("no steps to compare"));
}

json sharedTruth(const std::string& file) {
  const std::filesystem::path traces = CARACAL_SOURCE_DIR "/../shared/traces";
  if (!std::filesystem::exists(traces / "truth.json")) return nullptr;
  std::FILE* in = std::fopen((traces / "truth.json").c_str(), "rb");
  const json truth = json::parse(in);
  std::fclose(in);
  return truth.at("files").at(file);
}

TEST(Analyze, stagesOfARealPipelineEqualTheTruth) {
  const std::string file = "bytedance-pp-ST/timeline-ST.json.gz";
  const json truth = sharedTruth(file);
  if (truth.is_null()) GTEST_SKIP() << "shared traces are not here: ../shared/traces";
  const json document = runCaracalJson({"analyze", CARACAL_SOURCE_DIR "/../shared/traces/" + file});
  ASSERT_EQ(document.at("stages").size(), truth.at("pipeline").at("by_stage").size());
  for (const json& stage : document.at("stages")) {
    const json& expected =
        truth.at("pipeline").at("by_stage").at(std::to_string(stage.at("stage").get<int>()));
    EXPECT_EQ(stage.at("pipelineNs"), expected.at("window_ns"));
    EXPECT_EQ(stage.at("bubbleNs"), expected.at("bubble_ns"));
    EXPECT_NEAR(stage.at("bubblePct").get<double>(), expected.at("bubble_pct").get<double>(),
                0.005);
    int64_t causes = 0;
    for (const auto& [name, ns] : stage.at("causes").items()) causes += ns.get<int64_t>();
    EXPECT_EQ(causes, stage.at("stepNs").get<int64_t>() - stage.at("busyNs").get<int64_t>());
  }
}

TEST(Render, writesPicturesOnly) {
  const TemporaryFolder folder;
  const auto answer =
      runCaracal({"render", folder.write("rank0.json", test::smallKinetoTrace(0)), "-o", "x.txt"});
  EXPECT_EQ(answer.exitCode, 2);
  EXPECT_THAT(answer.err, HasSubstr(".png"));
}

}  // namespace
}  // namespace caracal::cli
