// How fast traces open, beside the least that any reader of the same file must do: nlohmann-json's
// parse of the JSON, a bare sqlite3_step loop over the rows. `vsPeer` above 1: faster than the peer
// although a whole Trace is built.
#include <benchmark/benchmark.h>
#include <sqlite3.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/analysis/figures.h"
#include "core/import/importer.h"
#include "tests/bench/sample_trace.h"

namespace caracal::bench {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// The best of three runs.
template <class Work>
double bestSeconds(Work work) {
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    const auto begin = Clock::now();
    work();
    best = std::min(best, secondsSince(begin));
  }
  return best;
}

void loadOften(benchmark::State& state, const std::string& path, double peerSeconds) {
  size_t events = 0;
  double bytesPerEvent = 0;
  const auto begin = Clock::now();
  for (auto _ : state) {
    const auto loaded = import::loadTraces({path});
    if (!loaded) {
      state.SkipWithError(loaded.error().text().c_str());
      return;
    }
    events = loaded->trace->eventCount();
    bytesPerEvent = static_cast<double>(loaded->trace->memoryBytes()) / static_cast<double>(events);
  }
  const double seconds = secondsSince(begin) / static_cast<double>(state.iterations());
  state.SetBytesProcessed(state.iterations() * fileBytes(path));
  state.counters["events/s"] = static_cast<double>(events) / seconds;
  state.counters["bytesPerEvent"] = bytesPerEvent;
  state.counters["vsPeer"] = peerSeconds / seconds;
}

void importKineto(benchmark::State& state) {
  const std::string& path = kinetoFile(static_cast<int>(state.range(0)));
  const double peer = bestSeconds([&] {
    std::ifstream in(path);
    benchmark::DoNotOptimize(nlohmann::json::parse(in));
  });
  loadOften(state, path, peer);
}
BENCHMARK(importKineto)->Arg(50'000)->Unit(benchmark::kMillisecond)->UseRealTime();

int64_t stepThroughRows(const std::string& path) {
  sqlite3* database = nullptr;
  sqlite3_stmt* rows = nullptr;
  int64_t sum = 0;
  sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr);
  sqlite3_prepare_v2(database, "SELECT * FROM CARACAL_CPU_OP", -1, &rows, nullptr);
  while (sqlite3_step(rows) == SQLITE_ROW) {
    for (int column = 0; column < sqlite3_column_count(rows); ++column)
      sum += sqlite3_column_int64(rows, column);
  }
  sqlite3_finalize(rows);
  sqlite3_close(database);
  return sum;
}

void importRecording(benchmark::State& state) {
  const std::string& path = recordingFile(static_cast<int>(state.range(0)));
  loadOften(state, path, bestSeconds([&] { benchmark::DoNotOptimize(stepThroughRows(path)); }));
}
BENCHMARK(importRecording)->Arg(200'000)->Unit(benchmark::kMillisecond)->UseRealTime();

void deviceFigures(benchmark::State& state) {
  const auto loaded = import::loadTraces({kinetoFile(static_cast<int>(state.range(0)))});
  if (!loaded) {
    state.SkipWithError(loaded.error().text().c_str());
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(analysis::deviceFigures(*loaded->trace, {}));
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(loaded->trace->eventCount()));
}
BENCHMARK(deviceFigures)->Arg(50'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace caracal::bench
