// The trace store at the size of a large run: 64 ranks, 100 million events (CARACAL_BENCH_EVENTS
// changes that). How much memory an event takes, how long aggregates of any span, a row of pixels
// and a search over all names take, how fast a run comes back from the cache. `vsPeer` of the
// aggregate is beside a plain scan over all events of the span.
#include <benchmark/benchmark.h>
#include <re2/re2.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "core/trace/trace_file.h"
#include "tests/bench/generated_run.h"

namespace caracal::bench {
namespace {

using trace::EventIndex;
using trace::Trace;
using trace::TrackIndex;
using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void buildStore(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(generatedRun().trace.get());
  const auto events = static_cast<double>(generatedRun().trace->eventCount());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["events"] = events;
  state.counters["events/s"] = events / generatedRun().seconds;
  state.counters["bytesPerEvent"] =
      static_cast<double>(generatedRun().trace->memoryBytes()) / events;
  state.counters["peakRss/store"] = static_cast<double>(usage.ru_maxrss) * 1024 /
                                    static_cast<double>(generatedRun().trace->memoryBytes());
}
BENCHMARK(buildStore)->Iterations(1);

Span middleHalf(const Trace& trace) {
  const int64_t quarter = trace.range().lengthNs() / 4;
  return {trace.range().beginNs + quarter, trace.range().endNs - quarter};
}

int64_t busyByScan(const Trace& trace, const trace::Track& track, Span span) {
  int64_t busy = 0, coveredTo = span.beginNs;
  for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
    const Span event = trace.span(e);
    if (event.beginNs >= span.endNs) break;
    if (!trace::occupies(trace.kind(e))) continue;
    const int64_t end = std::min(event.endNs, span.endNs);
    busy += std::max<int64_t>(end - std::max(event.beginNs, coveredTo), 0);
    coveredTo = std::max(coveredTo, end);
  }
  return busy;
}

void aggregateOfAllTracks(benchmark::State& state) {
  const Trace& trace = *generatedRun().trace;
  const Span span = middleHalf(trace);
  auto begin = Clock::now();
  int64_t expected = 0, busy = 0;
  for (const trace::Track& track : trace.tracks()) expected += busyByScan(trace, track, span);
  const double peer = secondsSince(begin);
  begin = Clock::now();
  for (auto _ : state) {
    busy = 0;
    for (TrackIndex t = 0; t < trace.tracks().size(); ++t) busy += trace.activity(t, span).busyNs;
  }
  if (busy != expected) state.SkipWithError("the aggregate differs from the scan");
  state.counters["vsPeer"] = peer * static_cast<double>(state.iterations()) / secondsSince(begin);
}
BENCHMARK(aggregateOfAllTracks)->Unit(benchmark::kMillisecond);

// A row 1,920 pixels wide over the whole run.
void rowOfPixels(benchmark::State& state) {
  const Trace& trace = *generatedRun().trace;
  for (auto _ : state) benchmark::DoNotOptimize(trace.activityBins(1, trace.range(), 1920));
}
BENCHMARK(rowOfPixels)->Unit(benchmark::kMillisecond);

void searchAllNames(benchmark::State& state) {
  trace::StringTable names;
  for (int i = 0; i < 100'000; ++i)
    names.intern(fmt::format("void at::native::vectorized_elementwise_kernel<4, Functor{}>", i));
  const RE2 pattern("(gemm|Functor9[0-9]+5)>");
  for (auto _ : state) {
    int64_t hits = 0;
    for (trace::NameId id = 0; id < names.size(); ++id) {
      const std::string_view name = names[id];
      hits += RE2::PartialMatch(re2::StringPiece(name.data(), name.size()), pattern) ? 1 : 0;
    }
    benchmark::DoNotOptimize(hits);
  }
  state.counters["names"] = static_cast<double>(names.size());
}
BENCHMARK(searchAllNames)->Unit(benchmark::kMillisecond);

void openFromCache(benchmark::State& state) {
  const auto path = std::filesystem::temp_directory_path() /
                    fmt::format("caracal-bench-{}.caracal-trace", ::getpid());
  const auto begin = Clock::now();
  const auto written = trace::writeTraceFile(*generatedRun().trace, {}, path.string());
  state.counters["writeSeconds"] = secondsSince(begin);
  for (auto _ : state) {
    if (written && trace::readTraceFile(path.string())) continue;
    state.SkipWithError("the trace file cannot be written or read");
    break;
  }
  std::filesystem::remove(path);
}
BENCHMARK(openFromCache)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace caracal::bench
