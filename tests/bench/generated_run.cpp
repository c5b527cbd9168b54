#include "tests/bench/generated_run.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <random>

#include "core/trace/trace_builder.h"

namespace caracal::bench {
namespace {

using trace::EventKind;
using trace::TraceBuilder;
using trace::TrackIndex;

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

}  // namespace

int64_t eventsWanted() {
  const char* text = std::getenv("CARACAL_BENCH_EVENTS");
  return text == nullptr ? 100'000'000 : std::atoll(text);
}

const GeneratedRun& generatedRun() {
  static const GeneratedRun kRun = [] {
    const auto begin = std::chrono::steady_clock::now();
    std::vector<TraceBuilder> builders;
    for (int32_t r = 0; r < kGeneratedRanks; ++r) {
      builders.push_back(rankOf(r, eventsWanted() / kGeneratedRanks / 3));
      builders.back().pack();
    }
    auto merged = TraceBuilder::merge(std::move(builders));
    return GeneratedRun{
        std::move(merged),
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()};
  }();
  return kRun;
}

}  // namespace caracal::bench
