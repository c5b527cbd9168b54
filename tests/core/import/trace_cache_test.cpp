#include "core/import/trace_cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "core/base/files.h"
#include "core/import/importer.h"
#include "tests/core/import/test_files.h"

namespace caracal::import {
namespace {

namespace fs = std::filesystem;

std::string traceOf(int rank, const std::string& kernel) {
  return R"({"traceEvents":[{"ph":"X","cat":"kernel","name":")" + kernel +
         R"(","pid":0,"tid":7,"ts":1,"dur":1,"args":{"device":0,"stream":7}}],"distributedInfo":{"rank":)" +
         std::to_string(rank) + "}}";
}

class TraceCacheTest : public testing::Test {
 protected:
  Result<LoadResult> load(const std::string& path) const {
    return loadTraces({path}, {.cache = options});
  }
  std::vector<fs::path> entries() const {
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(options.folder)) all.push_back(entry.path());
    return all;
  }

  const TemporaryFolder folder;
  const TemporaryFolder cache;
  CacheOptions options{.folder = cache.path() + "/not/there/yet"};
};

TEST_F(TraceCacheTest, aRunIsReadOnceAndThenTakenFromTheCache) {
  const std::string file = folder.write("rank3.json", traceOf(3, "gemm"));
  const auto first = load(file);
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_FALSE(first->fromCache);
  EXPECT_EQ(first->cacheNote, "");
  const auto second = load(file);
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->fromCache);
  EXPECT_EQ(second->trace->name(0), "gemm");
  EXPECT_EQ(second->trace->ranks()[0].rank, 3);
  EXPECT_TRUE(second->checkSources({}));
}

TEST_F(TraceCacheTest, aFileOfAnotherSizeOrTimeIsReadAnew) {
  const std::string file = folder.write("a.json", traceOf(0, "gemm"));
  ASSERT_TRUE(load(file));
  folder.write("a.json", traceOf(0, "attention"));
  const auto changed = load(file);
  ASSERT_TRUE(changed);
  EXPECT_FALSE(changed->fromCache);
  EXPECT_EQ(changed->trace->name(0), "attention");
  fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds(2));
  EXPECT_FALSE(load(file)->fromCache);
}

TEST_F(TraceCacheTest, contentThatChangedBehindTheSameSizeAndTimeIsFoundLater) {
  const std::string file = folder.write("a.json", traceOf(0, "gemm"));
  ASSERT_TRUE(load(file));
  const auto time = fs::last_write_time(file);
  folder.write("a.json", traceOf(0, "gems"));
  fs::last_write_time(file, time);
  const auto stale = load(file);
  ASSERT_TRUE(stale);
  ASSERT_TRUE(stale->fromCache);
  const auto checked = stale->checkSources({});
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().text().find("another content"), std::string::npos);
  EXPECT_EQ(load(file)->trace->name(0), "gems");
}

TEST_F(TraceCacheTest, aDamagedEntryIsToldAndTheFileRead) {
  const std::string file = folder.write("a.json", traceOf(0, "gemm"));
  ASSERT_TRUE(load(file));
  const std::string whole = *readTextFile(entries().at(0).string());
  std::string flipped = whole;
  flipped[flipped.find("gemm")] ^= 1;
  for (const std::string& bad : {whole.substr(0, whole.size() - 1), flipped, std::string("text")}) {
    ASSERT_TRUE(writeTextFile(entries().at(0).string(), bad));
    const auto loaded = load(file);
    ASSERT_TRUE(loaded);
    EXPECT_FALSE(loaded->fromCache);
    EXPECT_NE(loaded->cacheNote.find("read anew"), std::string::npos) << loaded->cacheNote;
    EXPECT_EQ(loaded->trace->name(0), "gemm");
    EXPECT_TRUE(load(file)->fromCache) << "the entry was written again";
  }
}

TEST_F(TraceCacheTest, differentPartsOfARunAreDifferentEntries) {
  const std::string file = folder.write("a.json", traceOf(0, "gemm"));
  const LoadOptions kernels{.selection = {.kinds = {trace::EventKind::kKernel}}, .cache = options};
  EXPECT_FALSE(loadTraces({file}, kernels)->fromCache);
  EXPECT_TRUE(loadTraces({file}, kernels)->fromCache);
  EXPECT_FALSE(load(file)->fromCache);
  EXPECT_TRUE(load(file)->fromCache);
  EXPECT_EQ(entries().size(), 2u);
}

TEST_F(TraceCacheTest, entriesUnusedForLongestMakeRoom) {
  std::vector<std::string> files;
  for (int i = 0; i < 3; ++i) {
    files.push_back(folder.write("t" + std::to_string(i) + ".json", traceOf(i, "gemm")));
    ASSERT_TRUE(load(files.back()));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(load(files[0])->fromCache);  // used: now the youngest
  const auto bytes = static_cast<int64_t>(fs::file_size(entries()[0]));
  options.mostBytes = 2 * bytes + bytes / 2;
  const std::string fourth = folder.write("t3.json", traceOf(3, "gemm"));
  ASSERT_TRUE(load(fourth));
  EXPECT_EQ(entries().size(), 2u);
  EXPECT_TRUE(load(files[0])->fromCache);
  EXPECT_TRUE(load(fourth)->fromCache);
}

TEST_F(TraceCacheTest, aCacheThatCannotBeWrittenIsToldAndTheLoadSucceeds) {
  const std::string file = folder.write("a.json", traceOf(0, "gemm"));
  options.folder = "/proc/no-folder-can-be-made-here";
  const auto loaded = load(file);
  ASSERT_TRUE(loaded);
  EXPECT_NE(loaded->cacheNote.find("was not put into the cache"), std::string::npos);
  options.folder = cache.path();
  options.mostBytes = 1;
  EXPECT_NE(load(file)->cacheNote.find("larger than the whole cache"), std::string::npos);
}

TEST_F(TraceCacheTest, writingThatIsCancelledLeavesNothing) {
  const std::string file = folder.write("a.json", traceOf(0, "gemm"));
  const auto loaded = load(file);
  ASSERT_TRUE(loaded);
  fs::remove(entries().at(0));
  std::stop_source stop;
  stop.request_stop();
  const TraceCache own(options, {*cacheSourceOf(file)}, "");
  EXPECT_EQ(own.store(*loaded->trace, stop.get_token()).error().code, ErrorCode::kCancelled);
  EXPECT_TRUE(entries().empty());
}

TEST_F(TraceCacheTest, runsThatCouldNotBeReadWholeAreNotKept) {
  folder.write("good.json", traceOf(0, "gemm"));
  folder.write("bad.json", "{\"traceEvents\": 7}");
  const auto loaded = load(folder.path());
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->skipped.size(), 1u);
  EXPECT_FALSE(fs::exists(options.folder));
}

}  // namespace
}  // namespace caracal::import
