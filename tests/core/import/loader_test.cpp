#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/base/sanitizers.h"
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

// Ranks of several hosts often have one file name each in a folder of the host.
TEST(Loader, notesNameTheirFileByItsPathWhereNamesRepeat) {
  const TemporaryFolder folder;
  const std::string cut = R"({"traceEvents":[{"ph":"X","cat":"kernel","name":"k","ts":1,"dur":1},)";
  const std::string first = folder.write("host0/trace.json", cut + R"({"ph":)");
  const std::string second = folder.write("host1/trace.json", cut + R"({"ph":)");
  const auto both = loadTraces({first, second});
  ASSERT_TRUE(both) << both.error().text();
  const std::vector<std::string>& notes = both->trace->report().notes;
  ASSERT_EQ(notes.size(), 2U);
  EXPECT_TRUE(notes[0].starts_with(first + ": the file ends at byte ")) << notes[0];
  EXPECT_TRUE(notes[1].starts_with(second + ": the file ends at byte ")) << notes[1];
  const auto one = loadTraces({first});
  ASSERT_TRUE(one) << one.error().text();
  EXPECT_TRUE(one->trace->report().notes.at(0).starts_with("trace.json: the file ends at byte "));
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

// Cancels a load of `file` when it has begun to read.
void expectCancelledAtOnce(const std::string& file) {
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
  // A tenth of a second is promised; a loaded test machine gets more, and sanitizers ten times
  // that.
  constexpr bool kSanitized = kAddressSanitizer || kThreadSanitizer;
  EXPECT_LT(std::chrono::steady_clock::now() - asked,
            std::chrono::milliseconds(kSanitized ? 8000 : 800));
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::kCancelled);
}

TEST(Loader, cancellingShowsAtOnce) {
  const TemporaryFolder folder;
  const std::string text = largeTrace(64);
  expectCancelledAtOnce(folder.write("large.json", text));
  expectCancelledAtOnce(folder.write("large.json.gz", gzip(text)));
}

// Less of a resource for this process, as long as this lives.
class Limited {
 public:
  Limited(__rlimit_resource resource, rlim_t most) : m_resource(resource) {
    ::getrlimit(m_resource, &m_before);
    rlimit less = m_before;
    less.rlim_cur = most;
    EXPECT_EQ(::setrlimit(m_resource, &less), 0);
  }
  Limited(const Limited&) = delete;
  Limited& operator=(const Limited&) = delete;
  ~Limited() { ::setrlimit(m_resource, &m_before); }

 private:
  __rlimit_resource m_resource;
  rlimit m_before{};
};

rlim_t addressSpaceInUse() {
  rlim_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

// Events that need memory: each has a long name of its own.
std::string distinctNames(int events, int letters) {
  std::string text = "[";
  for (int i = 0; i < events; ++i) {
    text += fmt::format(
        R"({{"ph":"X","cat":"cpu_op","name":"{:0>{}}","pid":1,"tid":1,"ts":{},"dur":1}},)", i,
        letters, i);
  }
  return text;
}

TEST(Loader, withoutEnoughMemoryItSaysSoAndTheNextLoadWorks) {
  if (kAddressSanitizer || kThreadSanitizer)
    GTEST_SKIP() << "sanitizers take address space of their own";
  const TemporaryFolder folder, cache;
  const std::string file = folder.write("large.json", distinctNames(70'000, 1000));
  const LoadOptions options{.cache = {.folder = cache.path()}};
  {
    const Limited memory(RLIMIT_AS, addressSpaceInUse() + (rlim_t{24} << 20));
    const auto loaded = loadTraces({file}, options);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::kOutOfMemory) << loaded.error().text();
  }
  EXPECT_TRUE(std::filesystem::is_empty(cache.path()));
  const auto loaded = loadTraces({file}, options);
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->trace->eventCount(), 70'000u);
  EXPECT_TRUE(loadTraces({file}, options)->fromCache);
}

TEST(Loader, aFullDiskLeavesTheTraceLoadedAndTheCacheWhole) {
  const TemporaryFolder folder, cache;
  const std::string text = distinctNames(2000, 80);
  const LoadOptions options{.cache = {.folder = cache.path()}};
  // Writing fails behind this many bytes, as on a full disk, once the signal that says so is
  // ignored.
  for (const std::string& file :
       {folder.write("a.json", text), folder.write("b.json.gz", gzip(text))}) {
    const auto before = std::signal(SIGXFSZ, SIG_IGN);
    {
      const Limited disk(RLIMIT_FSIZE, 64 * 1024);
      const auto loaded = loadTraces({file}, options);
      ASSERT_TRUE(loaded) << loaded.error().text();
      EXPECT_EQ(loaded->trace->eventCount(), 2000u);
      EXPECT_NE(loaded->cacheNote.find("was not put into the cache"), std::string::npos);
    }
    std::signal(SIGXFSZ, before);
    EXPECT_TRUE(std::filesystem::is_empty(cache.path()));
    EXPECT_EQ(loadTraces({file}, options)->cacheNote, "");
    EXPECT_TRUE(loadTraces({file}, options)->fromCache);
    std::filesystem::remove_all(cache.path());
    std::filesystem::create_directory(cache.path());
  }
}

}  // namespace
}  // namespace caracal::import
