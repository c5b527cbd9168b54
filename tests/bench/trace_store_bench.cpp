// The trace store at the size of a large run: 64 ranks, 100 million events (CARACAL_BENCH_EVENTS
// changes that). How much memory an event takes, how long aggregates of any span, a row of pixels
// and a search over all names take, how fast a run comes back from the cache. `vsPeer` of the
// aggregate is beside a plain scan over all events of the span.
#include <benchmark/benchmark.h>
#include <re2/re2.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "core/trace/trace_builder.h"
#include "core/trace/trace_file.h"

namespace caracal::bench {
namespace {

using trace::EventIndex;
using trace::EventKind;
using trace::Trace;
using trace::TraceBuilder;
using trace::TrackIndex;
using Clock = std::chrono::steady_clock;

constexpr int kRanks = 64;

int64_t eventsWanted() {
  const char* text = std::getenv("CARACAL_BENCH_EVENTS");
  return text == nullptr ? 100'000'000 : std::atoll(text);
}

double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Operator, launch and kernel, over and over; kernels wait for their launch and their stream.
TraceBuilder rankOf(int32_t number, int64_t kernels) {
  std::mt19937 random(static_cast<uint32_t>(number));
  const auto below = [&](int64_t limit) { return static_cast<int64_t>(random()) % limit; };
  TraceBuilder builder;
  const uint32_t rank = builder.addRank({.rank = number, .device = 0});
  const TrackIndex host = builder.addTrack({.kind = trace::TrackKind::kCpuThread, .rank = rank});
  const TrackIndex stream = builder.addTrack({.kind = trace::TrackKind::kGpuStream, .rank = rank});
  std::vector<trace::NameId> operators, kernelNames, shapes;
  for (int i = 0; i < 400; ++i) {
    operators.push_back(builder.intern(fmt::format("aten::operator_{}", i)));
    kernelNames.push_back(builder.intern(fmt::format(
        "void at::native::vectorized_elementwise_kernel<4, at::native::Functor{}>", i)));
    shapes.push_back(builder.intern(fmt::format("grid {}x1x1, block 256x1x1", i)));
  }
  const trace::NameId launch = builder.intern("cudaLaunchKernel");
  int64_t now = 1'700'000'000'000'000'000, free = now;
  for (int64_t i = 0; i < kernels; ++i) {
    const auto id = static_cast<uint64_t>(i) + 1;
    const auto pick = static_cast<size_t>(below(400));
    now += 9'000 + below(4'000);
    free = std::max(free + below(900), now + 6'000);
    const int64_t duration = 1'000 + below(12'000);
    builder.add({host, EventKind::kCpuOp, operators[pick], now, 8'000});
    builder.add({host, EventKind::kRuntime, launch, now + 2'000, 4'000, id});
    builder.add({stream, EventKind::kKernel, kernelNames[pick], free, duration, id},
                {.detail = shapes[pick]});
    free += duration;
  }
  return builder;
}

struct Run {
  std::shared_ptr<const Trace> trace;
  double seconds = 0;
};

const Run& run() {
  static const Run kRun = [] {
    const auto begin = Clock::now();
    std::vector<TraceBuilder> builders;
    for (int32_t r = 0; r < kRanks; ++r) {
      builders.push_back(rankOf(r, eventsWanted() / kRanks / 3));
      builders.back().pack();
    }
    auto merged = TraceBuilder::merge(std::move(builders));
    return Run{std::move(merged), secondsSince(begin)};
  }();
  return kRun;
}

void buildStore(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(run().trace.get());
  const auto events = static_cast<double>(run().trace->eventCount());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["events"] = events;
  state.counters["events/s"] = events / run().seconds;
  state.counters["bytesPerEvent"] = static_cast<double>(run().trace->memoryBytes()) / events;
  state.counters["peakRss/store"] =
      static_cast<double>(usage.ru_maxrss) * 1024 / static_cast<double>(run().trace->memoryBytes());
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
  const Trace& trace = *run().trace;
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
  const Trace& trace = *run().trace;
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
  const auto written = trace::writeTraceFile(*run().trace, {}, path.string());
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
