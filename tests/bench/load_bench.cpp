// How traces load, file by file on one core: MB/s of the plain text, events/s, bytes an event, peak
// memory beside the finished store; and beside that, in the same run, what others that run here
// take for the same file: Python's json, a loader on pandas, a bare sqlite3_step loop. Figures are
// medians of three runs, each in a process of its own.
//
// usage: load_bench [FILE...]; without files the largest sample traces and a generated run.
// CARACAL_BENCH_JSON_MB: size of the generated run, 256 by default.
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "core/import/importer.h"
#include "core/import/input/input_stream.h"
#include "tests/bench/child_process.h"
#include "tests/bench/sample_trace.h"

namespace caracal::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kRuns = 3;
// Debian's, which has Debian's python3-pandas.
constexpr const char* kPython = "/usr/bin/python3";

struct Loaded {
  double seconds = 0;
  double events = 0;
  double storeBytes = 0;
  double peakRssBytes = 0;
};

// The median of kRuns by seconds; nothing when one fails.
std::optional<Loaded> medianOf(const std::function<std::optional<ChildRun>()>& run) {
  std::vector<Loaded> all;
  for (int i = 0; i < kRuns; ++i) {
    const auto child = run();
    if (!child) return std::nullopt;
    Loaded loaded{.peakRssBytes = static_cast<double>(child->peakRssBytes)};
    std::istringstream(child->output) >> loaded.seconds >> loaded.events >> loaded.storeBytes;
    all.push_back(loaded);
  }
  std::sort(all.begin(), all.end(),
            [](const Loaded& a, const Loaded& b) { return a.seconds < b.seconds; });
  return all[kRuns / 2];
}

std::string loadOnce(const std::string& path) {
  const auto loaded = import::loadTraces({path}, {.threads = 1});
  if (!loaded) return {};
  return fmt::format("{} {} {}", loaded->seconds, loaded->trace->eventCount(),
                     loaded->trace->memoryBytes());
}

// Size of the text, after decompression.
double textBytes(const std::string& path) {
  auto stream = import::InputStream::open(path);
  std::string block(1 << 20, ' ');
  double bytes = 0;
  while (stream) {
    const size_t got = stream->read(block.data(), block.size()).value_or(0);
    if (got == 0) break;
    bytes += static_cast<double>(got);
  }
  return bytes;
}

std::vector<std::string> tablesOf(sqlite3* database) {
  std::vector<std::string> names;
  sqlite3_stmt* rows = nullptr;
  sqlite3_prepare_v2(database, "SELECT name FROM sqlite_schema WHERE type = 'table'", -1, &rows,
                     nullptr);
  while (sqlite3_step(rows) == SQLITE_ROW)
    names.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(rows, 0)));
  sqlite3_finalize(rows);
  return names;
}

// The columns that the importer reads of its large tables, one row after the other and nothing
// else.
constexpr std::pair<const char*, const char*> kRead[] = {
    {"CUPTI_ACTIVITY_KIND_KERNEL",
     "start, \"end\", deviceId, contextId, streamId, correlationId, globalPid, demangledName"},
    {"CUPTI_ACTIVITY_KIND_RUNTIME", "start, \"end\", globalTid, nameId, correlationId"},
    {"NVTX_EVENTS", "start, \"end\", eventType, globalTid, domainId, text, textId"},
    {"CARACAL_CPU_OP", "*"}};

std::string stepOnce(const std::string& path) {
  const auto begin = Clock::now();
  sqlite3* database = nullptr;
  int64_t rows = 0, sum = 0;
  sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr);
  const std::vector<std::string> tables = tablesOf(database);
  for (const auto& [table, columns] : kRead) {
    if (std::find(tables.begin(), tables.end(), table) == tables.end()) continue;
    sqlite3_stmt* statement = nullptr;
    const std::string query = fmt::format("SELECT {} FROM {}", columns, table);
    sqlite3_prepare_v2(database, query.c_str(), -1, &statement, nullptr);
    for (; sqlite3_step(statement) == SQLITE_ROW; ++rows) {
      for (int column = 0; column < sqlite3_column_count(statement); ++column) {
        sum += sqlite3_column_type(statement, column) == SQLITE_TEXT
                   ? *sqlite3_column_text(statement, column)
                   : sqlite3_column_int64(statement, column);
      }
    }
    sqlite3_finalize(statement);
  }
  sqlite3_close(database);
  return fmt::format("{} {} {}", std::chrono::duration<double>(Clock::now() - begin).count(), rows,
                     sum == 0 ? 0 : 1);
}

struct Peer {
  const char* name;
  std::function<std::optional<ChildRun>()> run;
};

std::vector<Peer> peersOf(const std::string& path, bool isSqlite) {
  if (isSqlite) return {{"sqlite3_step", [=] { return runChild([&] { return stepOnce(path); }); }}};
  constexpr const char* kJson =
      "import gzip, json, sys, time\n"
      "start = time.perf_counter()\n"
      "p = sys.argv[1]\n"
      "f = gzip.open(p, 'rb') if open(p, 'rb').read(2) == b'\\x1f\\x8b' else open(p, 'rb')\n"
      "t = json.loads(f.read().decode('utf-8', 'replace'))\n"
      "e = t['traceEvents'] if isinstance(t, dict) else t\n"
      "print(time.perf_counter() - start, len(e))\n";
  return {
      {"python json",
       [=] {
         return runProgram({kPython, "-c", kJson, path});
       }},
      {"pandas", [=] {
         return runProgram({kPython, CARACAL_SOURCE_DIR "/tests/bench/hta_like_loader.py", path});
       }}};
}

void printRow(const std::string& what, const Loaded& loaded, double bytes,
              const std::string& last) {
  fmt::print("  {:<14} {:8.3f} s {:7.0f} MB/s {:8.2f} M events/s  peak {:8.1f} MB  {}\n", what,
             loaded.seconds, bytes / loaded.seconds / 1e6, loaded.events / loaded.seconds / 1e6,
             loaded.peakRssBytes / 1e6, last);
}

void measure(const std::string& path) {
  const bool isSqlite = path.ends_with(".sqlite");
  const double bytes = isSqlite ? static_cast<double>(fs::file_size(path)) : textBytes(path);
  const auto own = medianOf([&] { return runChild([&] { return loadOnce(path); }); });
  fmt::print("{} ({:.1f} MB)\n", fs::path(path).filename().string(), bytes / 1e6);
  if (!own) {
    fmt::print("  cannot be loaded\n");
    return;
  }
  printRow("caracal", *own, bytes,
           fmt::format("{:.1f} bytes/event, peak {:.2f} of the store",
                       own->storeBytes / own->events, own->peakRssBytes / own->storeBytes));
  for (const Peer& peer : peersOf(path, isSqlite)) {
    const auto loaded = medianOf(peer.run);
    if (loaded) {
      printRow(
          peer.name, *loaded, bytes,
          fmt::format("caracal is {:.2f} times as fast, peak {:.3f} of its",
                      loaded->seconds / own->seconds, own->peakRssBytes / loaded->peakRssBytes));
    } else {
      fmt::print("  {:<14} does not run here, or not on this file\n", peer.name);
    }
  }
  std::fflush(stdout);
}

std::vector<std::string> defaultFiles() {
  std::vector<std::string> files;
  const fs::path shared = fs::path(CARACAL_SOURCE_DIR).parent_path() / "shared/traces";
  for (const char* const file :
       {"xdit-sd35-mi300-239k/profile_trace_rank_0.json.gz",
        "mtia-456k-metadata/mtia_rank_0.json.gz", "ddp-2xv100-216k/df_index_resolver.json.gz",
        "nsys-2xh100-sp/mfu_2gpu_before.sqlite"}) {
    if (fs::exists(shared / file)) files.push_back((shared / file).string());
  }
  const char* const wanted = std::getenv("CARACAL_BENCH_JSON_MB");
  constexpr int kBytesOfKernel = 870;  // of a kernel with its operator, launch and flow
  files.push_back(kinetoFile(static_cast<int>((wanted == nullptr ? 256 : std::atol(wanted)) *
                                              1'000'000 / kBytesOfKernel)));
  files.push_back(recordingFile(1'000'000));
  return files;
}

}  // namespace
}  // namespace caracal::bench

int main(int argc, char** argv) {
  std::vector<std::string> files(argv + 1, argv + argc);
  if (files.empty()) files = caracal::bench::defaultFiles();
  for (const std::string& file : files) caracal::bench::measure(file);
  return 0;
}
