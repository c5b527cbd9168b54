// Loads that run out of memory at any point, in any thread: they say so, nothing is lost, and the
// cache has the whole run or none of it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <random>

#include "tests/core/import/nsys_fixture.h"

namespace {

// What a large run fails to get is never small, and nlohmann::json's destructors take small pieces
// of memory: one of those that fails ends the process whatever we do.
constexpr size_t kLeastThatFails = 4096;
// Such allocations until one fails, once; never when negative.
std::atomic<int64_t> s_untilFailure{-1};
std::atomic<int64_t> s_allocations{0};

}  // namespace

[[gnu::noinline]] void* operator new(size_t bytes) {
  if (bytes >= kLeastThatFails) {
    ++s_allocations;
    if (s_untilFailure >= 0 && s_untilFailure-- == 0) throw std::bad_alloc();
  }
  if (void* const memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return std::malloc(bytes == 0 ? 1 : bytes);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

namespace caracal::import {
namespace {

namespace fs = std::filesystem;

class ScarceMemory : public NsysTest {
 protected:
  // Loads with the allocation of that number failing, then with enough.
  void expectAnswer(const std::vector<std::string>& paths, int64_t failing) {
    const LoadOptions options{.threads = 2, .cache = {.folder = m_cache.path()}};
    s_untilFailure = failing;
    const auto scarce = loadTraces(paths, options);
    s_untilFailure = -1;
    if (!scarce) {
      EXPECT_EQ(scarce.error().code, ErrorCode::kOutOfMemory)
          << failing << ": " << scarce.error().text();
    } else if (scarce->skipped.empty()) {
      EXPECT_EQ(scarce->trace->eventCount(), m_events) << failing;
    } else {
      EXPECT_EQ(scarce->skipped[0].code, ErrorCode::kOutOfMemory) << scarce->skipped[0].text();
    }
    for (const auto& entry : fs::directory_iterator(m_cache.path()))
      EXPECT_EQ(entry.path().extension(), ".caracal-trace") << failing;
    const auto loaded = loadTraces(paths, options);
    ASSERT_TRUE(loaded) << failing << ": " << loaded.error().text();
    EXPECT_EQ(loaded->trace->eventCount(), m_events) << failing;
    EXPECT_EQ(loaded->cacheNote, "") << failing;
  }

  void expectAnswersAnywhere(const std::vector<std::string>& paths) {
    const auto whole = loadTraces(paths);
    ASSERT_TRUE(whole) << whole.error().text();
    m_events = whole->trace->eventCount();
    const int64_t before = s_allocations;
    ASSERT_TRUE(loadTraces(paths, {.cache = {.folder = m_cache.path()}}));
    const int64_t needed = s_allocations - before;
    std::mt19937 random(3);
    for (int i = 0; i < 150; ++i) {
      const int64_t failing = i < 40 ? i : static_cast<int64_t>(random() % (needed + 20));
      // Now from the files, now from the cache.
      if (i % 3 != 0) fs::remove_all(m_cache.path());
      fs::create_directories(m_cache.path());
      expectAnswer(paths, failing);
      if (HasFatalFailure()) return;
    }
  }

  size_t m_events = 0;
  TemporaryFolder m_cache;
};

std::string someTrace(int rank) {
  std::string text = fmt::format(R"({{"distributedInfo":{{"rank":{}}},"traceEvents":[)", rank);
  for (int i = 0; i < 600; ++i) {
    text += fmt::format(
        R"({{"ph":"X","cat":"cpu_op","name":"operator {0} {1}","pid":1,"tid":{2},"ts":{0},"dur":1}},
{{"ph":"X","cat":"kernel","name":"k{2}","pid":0,"tid":7,"ts":{0},"dur":1,"args":{{"device":0,"stream":7,"grid":[{0},1,1]}}}},)",
        i, rank, i % 5);
  }
  return text + "]}";
}

TEST_F(ScarceMemory, isSaidForJsonAndGzip) {
  // So long, in letters that do not repeat, that a thread of its own inflates it.
  std::string padded = someTrace(1);
  std::mt19937 random(1);
  std::string letters;
  for (int i = 0; i < 900'000; ++i) letters += static_cast<char>('a' + random() % 26);
  padded.insert(padded.size() - 1, ",\"padding\":\"" + letters + "\"");
  const std::string zipped = gzip(padded);
  ASSERT_GT(zipped.size(), size_t{512} * 1024);
  expectAnswersAnywhere(
      {m_folder.write("a.json", someTrace(0)), m_folder.write("b.json.gz", zipped)});
}

TEST_F(ScarceMemory, isSaidForSqlite) {
  createTables();
  sql(fmt::format(
      "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i "
      "+ 1 FROM n WHERE i < 700) SELECT 10 * i, 10 * i + 5, 0, 1, i % 3, i, {}, 1, 1 FROM n;",
      globalPid(10)));
  expectAnswersAnywhere({path()});
}

// SQLite's own memory: a table that it cannot read for want of it is not damaged.
TEST_F(ScarceMemory, ofSqliteItselfIsNoDamage) {
  createTables();
  // Rows that lie on pages of their own.
  sql(fmt::format(
      "INSERT INTO NVTX_EVENTS (start, \"end\", eventType, text, globalTid) WITH RECURSIVE n(i) AS "
      "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) SELECT 10 * i, 10 * i + 5, 59, "
      "printf('%.*c', 300000, 'x'), {} FROM n;",
      globalTid(10, 11)));
  const auto loaded = loadTraces({path()});
  ASSERT_TRUE(loaded) << loaded.error().text();
  for (int64_t limit = 50'000; limit < 1'500'000; limit += 50'000) {
    const int64_t before = sqlite3_hard_heap_limit64(limit);
    const auto scarce = loadTraces({path()});
    sqlite3_hard_heap_limit64(before);
    if (scarce) {
      EXPECT_EQ(scarce->trace->eventCount(), 20u) << limit;
      EXPECT_EQ(scarce->trace->report().of(trace::Defect::kTruncatedInput), 0) << limit;
    } else {
      EXPECT_EQ(scarce.error().code, ErrorCode::kOutOfMemory) << scarce.error().text();
    }
  }
}

}  // namespace
}  // namespace caracal::import
