// How soon analysis answers a request to stop, on a large run: each piece of work is done once,
// then asked to stop at twenty moments of its time. Prints its time and the longest answer; what it
// holds by then is freed within the answer.
//
// usage: stop_bench; CARACAL_BENCH_EVENTS: size of the run, 100 million by default.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <thread>

#include "core/analysis/figures.h"
#include "core/analysis/prepared_run.h"
#include "core/analysis/step_model.h"
#include "core/analysis/structure.h"
#include "core/analysis/tables.h"
#include "core/trace/trace_builder.h"
#include "tests/bench/generated_run.h"

namespace caracal::bench {
namespace {

using trace::EventKind;
using Clock = std::chrono::steady_clock;

constexpr int kMoments = 20;
constexpr int64_t kKernelsOfPass = 200;

double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// One rank in steps of a forward and a backward range, each of which launches kernels and calls one
// collective.
trace::TraceBuilder rankOf(int32_t number, int64_t kernels, uint32_t ranks) {
  trace::TraceBuilder builder;
  const uint32_t rank = builder.addRank({.rank = number, .device = 0});
  trace::ProcessGroup group{.name = "0", .description = "default_pg"};
  for (uint32_t r = 0; r < ranks; ++r) group.ranks.push_back(static_cast<int32_t>(r));
  group.size = static_cast<int32_t>(ranks);
  const uint32_t world = builder.addGroup(group);
  const auto host = builder.addTrack({.kind = trace::TrackKind::kCpuThread, .rank = rank, .id = 1});
  const auto compute =
      builder.addTrack({.kind = trace::TrackKind::kGpuStream, .rank = rank, .id = 7});
  const auto comm =
      builder.addTrack({.kind = trace::TrackKind::kGpuStream, .rank = rank, .id = 20});
  const trace::NameId launch = builder.intern("cudaLaunchKernel"), gemm = builder.intern("gemm"),
                      reduce = builder.intern("ncclDevKernel_AllReduce_Sum_bf16_RING_LL");
  int64_t now = 1'000'000, calls = 0;
  uint64_t id = 0;
  for (int64_t k = 0; k < kernels; k += 2 * kKernelsOfPass) {
    const int64_t stepNs = now;
    for (const char* const pass : {"forward", "backward"}) {
      const int64_t passNs = now;
      for (int64_t i = 0; i < kKernelsOfPass; ++i) {
        builder.add({host, EventKind::kRuntime, launch, now, 4'000, ++id});
        builder.add({compute, EventKind::kKernel, gemm, now + 5'000, 9'000, id});
        now += 10'000;
      }
      builder.add({host, EventKind::kRuntime, launch, now, 4'000, ++id});
      builder.add(
          {comm, EventKind::kKernel, reduce, now + 5'000 + 10 * number, 90'000 - 10 * number, id},
          {.bytes = 1 << 20, .sequence = calls++, .group = world});
      now += 100'000;
      builder.add({host, EventKind::kAnnotation, builder.intern(pass), passNs, now - passNs});
    }
    builder.add({host, EventKind::kAnnotation,
                 builder.intern(fmt::format("ProfilerStep#{}", k / kKernelsOfPass / 2)), stepNs,
                 now - stepNs});
  }
  return builder;
}

std::shared_ptr<const trace::Trace> trainingRun() {
  std::vector<trace::TraceBuilder> builders;
  for (int32_t r = 0; r < kGeneratedRanks; ++r) {
    builders.push_back(rankOf(r, eventsWanted() / kGeneratedRanks / 2, kGeneratedRanks));
    builders.back().pack();
  }
  return trace::TraceBuilder::merge(std::move(builders));
}

void measure(std::string_view what, const std::function<void(const std::stop_token&)>& work) {
  auto begin = Clock::now();
  work({});
  const double whole = secondsSince(begin);
  double longest = 0, at = 0;
  for (int moment = 0; moment < kMoments; ++moment) {
    std::stop_source source;
    const double wait = whole * moment / kMoments;
    Clock::time_point asked;
    std::jthread asking([&] {
      std::this_thread::sleep_for(std::chrono::duration<double>(wait));
      asked = Clock::now();
      source.request_stop();
    });
    work(source.get_token());
    const auto answered = Clock::now();
    asking.join();
    const double took = std::chrono::duration<double>(answered - asked).count();
    if (took > longest) at = wait / whole;
    longest = std::max(longest, took);
  }
  fmt::print("{:<20} {:8.3f} s   longest answer {:7.1f} ms, asked at {:.0f} %\n", what, whole,
             1e3 * longest, 100 * at);
  std::fflush(stdout);
}

int run() {
  const analysis::CommNames comm;
  const auto trace = trainingRun();
  fmt::print("{} ranks, {} events\n", trace->ranks().size(), trace->eventCount());
  measure("prepareRun", [&](const auto& stop) { analysis::prepareRun(trace, comm, stop); });
  const analysis::PreparedRun run = analysis::prepareRun(trace, comm);
  measure("steps", [&](const auto& stop) { (void)analysis::buildStepModel(*run.trace, stop); });
  for (const analysis::TableKind& kind : analysis::tableKinds()) {
    measure(kind.name, [&](const auto& stop) {
      (void)analysis::makeTable(kind.name, {.run = run, .comm = comm, .stop = stop});
    });
  }
  return 0;
}

}  // namespace
}  // namespace caracal::bench

int main() {
  return caracal::bench::run();
}
