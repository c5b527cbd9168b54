#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "core/import/importer.h"
#include "tests/core/import/test_files.h"

namespace caracal::import {
namespace {

using trace::Defect;

std::string traceOfRank(int rank) {
  return R"({"traceEvents":[{"ph":"X","cat":"kernel","name":"k","pid":0,"tid":7,"ts":1,"dur":1,"args":{"device":0}}],)"
         R"("distributedInfo":{"rank":)" +
         std::to_string(rank) + "}}";
}

// About `megabytes` of events.
std::string largeTrace(size_t megabytes) {
  const std::string event =
      R"({"ph":"X","cat":"cpu_op","name":"aten::some_operator_with_a_name","pid":1,"tid":1,"ts":1.001,"dur":1,"args":{"External id":1}},)";
  std::string text = "[";
  while (text.size() < megabytes * 1024 * 1024) text += event;
  return text;
}

TEST(Loader, aFolderLoadsWhatItCanAndReportsTheRest) {
  const TemporaryFolder folder;
  folder.write("rank10.json", traceOfRank(10));
  folder.write("rank2.json.gz", gzip(traceOfRank(2)));
  folder.write("notes.txt", "remember the milk");
  folder.write("empty.json", "");
  folder.write(".hidden", "not looked at");
  folder.write("deeper/rank3.json", traceOfRank(3));
  const auto loaded = loadTraces({folder.path()});
  ASSERT_TRUE(loaded) << loaded.error().text();
  ASSERT_EQ(loaded->trace->ranks().size(), 2u);
  EXPECT_EQ(loaded->trace->ranks()[0].rank, 2);
  EXPECT_EQ(loaded->trace->ranks()[1].rank, 10);
  ASSERT_EQ(loaded->skipped.size(), 2u);
  EXPECT_NE(loaded->skipped[0].text().find("empty.json: the file is empty"), std::string::npos);
  EXPECT_NE(loaded->skipped[1].text().find("notes.txt: not a trace"), std::string::npos);
}

TEST(Loader, anyNumberOfThreadsGivesTheSameTrace) {
  const TemporaryFolder folder;
  std::vector<std::string> paths;
  for (int rank = 0; rank < 9; ++rank)
    paths.push_back(folder.write("t" + std::to_string(rank), traceOfRank(8 - rank)));
  for (const int threads : {1, 2, 7}) {
    const auto loaded = loadTraces(paths, {.threads = threads});
    ASSERT_TRUE(loaded);
    for (int rank = 0; rank < 9; ++rank)
      EXPECT_EQ(loaded->trace->ranks()[static_cast<size_t>(rank)].rank, rank);
  }
}

TEST(Loader, oneFileNamedTwiceIsReadOnce) {
  const TemporaryFolder folder;
  const std::string file = folder.write("rank0.json", traceOfRank(0));
  const auto loaded = loadTraces({file, folder.path(), folder.path() + "/./rank0.json"});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->trace->ranks().size(), 1u);
}

TEST(Loader, twoFilesOfOneRankAreBothKeptAndCounted) {
  const TemporaryFolder folder;
  const auto loaded =
      loadTraces({folder.write("a.json", traceOfRank(1)), folder.write("b.json", traceOfRank(1))});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->trace->ranks().size(), 2u);
  EXPECT_EQ(loaded->trace->report().of(Defect::kDuplicateRank), 1);
}

TEST(Loader, nothingReadableIsAnErrorInWords) {
  const TemporaryFolder folder;
  EXPECT_EQ(loadTraces({}).error().code, ErrorCode::kNotFound);
  EXPECT_NE(loadTraces({folder.path()}).error().text().find("the folder is empty"),
            std::string::npos);
  EXPECT_EQ(loadTraces({folder.path() + "/absent.json"}).error().code, ErrorCode::kNotFound);
  folder.write("a.txt", "a");
  folder.write("b.txt", "b");
  const std::string text = loadTraces({folder.path()}).error().text();
  EXPECT_NE(text.find("a.txt: not a trace that Caracal can read"), std::string::npos) << text;
  EXPECT_NE(text.find("1 more"), std::string::npos) << text;
  std::filesystem::create_directory(folder.path() + "/run-7");
  EXPECT_NE(loadTraces({folder.path()}).error().text().find("name one of them: run-7"),
            std::string::npos);
  folder.write("cut.json.gz", std::string("\x1f\x8b\x08", 3));
  EXPECT_NE(loadTraces({folder.path() + "/cut.json.gz"}).error().text().find("cut or damaged"),
            std::string::npos);
}

TEST(Loader, progressRisesToTheEnd) {
  const TemporaryFolder folder;
  const std::string file = folder.write("large.json", largeTrace(8));
  std::vector<double> fractions;
  const auto loaded = loadTraces({file}, {}, {}, [&](double fraction, std::string_view phase) {
    EXPECT_FALSE(phase.empty());
    fractions.push_back(fraction);
  });
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end()));
  EXPECT_GT(fractions.size(), 5u);
  EXPECT_EQ(fractions.back(), 1.0);
}

TEST(Loader, cancellingShowsAtOnce) {
  const TemporaryFolder folder;
  const std::string file = folder.write("large.json", largeTrace(64));
  std::stop_source source;
  std::atomic<bool> reading{false};
  Result<LoadResult> loaded;
  std::jthread worker([&] {
    loaded = loadTraces({file}, {}, source.get_token(),
                        [&](double fraction, std::string_view) { reading = fraction > 0.02; });
  });
  while (!reading) std::this_thread::yield();
  source.request_stop();
  const auto asked = std::chrono::steady_clock::now();
  worker.join();
  // A tenth of a second is promised; a loaded test machine gets more.
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::milliseconds(800));
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace caracal::import
