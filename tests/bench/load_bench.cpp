// How traces load, file by file on one core, and a run of 64 files on all of them: MB/s of the
// plain text, by the clock and by processor time, events/s, bytes an event, peak memory beyond an
// empty process as a multiple of the finished store; and beside that, in the same run, what others
// that run here take for the same files: Python's json, a loader on pandas, a bare sqlite3_step
// loop. Figures are medians of three runs, each in a process of its own.
//
// usage: load_bench [FILE...]; without files the largest sample traces, a generated file and a
// generated run. CARACAL_BENCH_JSON_MB: size of each of these two, 256 by default.
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
  double cpuSeconds = 0;
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
    Loaded loaded{.cpuSeconds = child->cpuSeconds,
                  .peakRssBytes = static_cast<double>(child->peakRssBytes)};
    std::istringstream(child->output) >> loaded.seconds >> loaded.events >> loaded.storeBytes;
    all.push_back(loaded);
  }
  std::sort(all.begin(), all.end(),
            [](const Loaded& a, const Loaded& b) { return a.seconds < b.seconds; });
  return all[kRuns / 2];
}

// What is loaded together: one file, or the files of a run.
struct Input {
  std::string name;
  std::vector<std::string> paths;
  bool isSqlite = false;
  double bytes = 0;  // of a database; of text after decompression
};

std::string loadOnce(const Input& input) {
  const auto loaded = import::loadTraces(input.paths, {.threads = input.paths.size() == 1 ? 1 : 0});
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

std::vector<std::string> commandOf(std::vector<std::string> command, const Input& input) {
  command.insert(command.end(), input.paths.begin(), input.paths.end());
  return command;
}

std::vector<Peer> peersOf(const Input& input) {
  if (input.isSqlite) {
    return {
        {"sqlite3_step", [=] { return runChild([&] { return stepOnce(input.paths.front()); }); }}};
  }
  constexpr const char* kJson =
      "import gzip, json, sys, time\n"
      "start = time.perf_counter()\n"
      "n = 0\n"
      "for p in sys.argv[1:]:\n"
      "  f = gzip.open(p, 'rb') if open(p, 'rb').read(2) == b'\\x1f\\x8b' else open(p, 'rb')\n"
      "  t = json.loads(f.read().decode('utf-8', 'replace'))\n"
      "  n += len(t['traceEvents'] if isinstance(t, dict) else t)\n"
      "print(time.perf_counter() - start, n)\n";
  const auto json = commandOf({kPython, "-c", kJson}, input);
  const auto pandas =
      commandOf({kPython, CARACAL_SOURCE_DIR "/tests/bench/hta_like_loader.py"}, input);
  return {{"python json", [=] { return runProgram(json); }},
          {"pandas", [=] { return runProgram(pandas); }}};
}

void printRow(const std::string& what, const Loaded& loaded, double bytes,
              const std::string& last) {
  fmt::print(
      "  {:<14} {:8.3f} s {:6.0f} MB/s {:6.0f} MB/s of CPU {:7.2f} M events/s  peak {:8.1f} MB  "
      "{}\n",
      what, loaded.seconds, bytes / loaded.seconds / 1e6, bytes / loaded.cpuSeconds / 1e6,
      loaded.events / loaded.seconds / 1e6, loaded.peakRssBytes / 1e6, last);
}

void measure(const Input& input) {
  const auto empty = medianOf([&] { return runChild([] { return "0 0 0"; }); });
  const auto own = medianOf([&] { return runChild([&] { return loadOnce(input); }); });
  fmt::print("{} ({:.1f} MB)\n", input.name, input.bytes / 1e6);
  if (!own || !empty) {
    fmt::print("  cannot be loaded\n");
    return;
  }
  printRow(
      "caracal", *own, input.bytes,
      fmt::format("{:.1f} bytes/event, peak {:.2f} of the store", own->storeBytes / own->events,
                  (own->peakRssBytes - empty->peakRssBytes) / own->storeBytes));
  for (const Peer& peer : peersOf(input)) {
    const auto loaded = medianOf(peer.run);
    if (loaded) {
      printRow(peer.name, *loaded, input.bytes,
               fmt::format("caracal is {:.2f} times as fast, {:.2f} by CPU, peak {:.3f} of its",
                           loaded->seconds / own->seconds, loaded->cpuSeconds / own->cpuSeconds,
                           own->peakRssBytes / loaded->peakRssBytes));
    } else {
      fmt::print("  {:<14} does not run here, or not on this file\n", peer.name);
    }
  }
  std::fflush(stdout);
}

Input inputOf(const std::string& path) {
  const bool isSqlite = path.ends_with(".sqlite");
  return {fs::path(path).filename().string(),
          {path},
          isSqlite,
          isSqlite ? static_cast<double>(fs::file_size(path)) : textBytes(path)};
}

std::vector<Input> defaultInputs() {
  std::vector<Input> inputs;
  const fs::path shared = fs::path(CARACAL_SOURCE_DIR).parent_path() / "shared/traces";
  for (const char* const file :
       {"xdit-sd35-mi300-239k/profile_trace_rank_0.json.gz",
        "mtia-456k-metadata/mtia_rank_0.json.gz", "ddp-2xv100-216k/df_index_resolver.json.gz",
        "nsys-2xh100-sp/mfu_2gpu_before.sqlite"}) {
    if (fs::exists(shared / file)) inputs.push_back(inputOf((shared / file).string()));
  }
  const char* const wanted = std::getenv("CARACAL_BENCH_JSON_MB");
  constexpr int kBytesOfKernel = 870;  // of a kernel with its operator, launch and flow
  constexpr int kRanks = 64;
  const int kernels =
      static_cast<int>((wanted == nullptr ? 256 : std::atol(wanted)) * 1'000'000 / kBytesOfKernel);
  inputs.push_back(inputOf(kinetoFile(kernels)));
  inputs.push_back(inputOf(recordingFile(1'000'000)));
  Input run{.name = "generated run of 64 files", .paths = kinetoRun(kRanks, kernels / kRanks)};
  for (const std::string& path : run.paths) run.bytes += textBytes(path);
  inputs.push_back(std::move(run));
  return inputs;
}

}  // namespace
}  // namespace caracal::bench

int main(int argc, char** argv) {
  using namespace caracal::bench;
  std::vector<Input> inputs;
  for (int i = 1; i < argc; ++i) inputs.push_back(inputOf(argv[i]));
  if (inputs.empty()) inputs = defaultInputs();
  for (const Input& input : inputs) measure(input);
  return 0;
}
