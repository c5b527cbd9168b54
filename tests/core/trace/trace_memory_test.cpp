// What a Trace says it takes is what the allocator gave for it, and little of it.
#include <gtest/gtest.h>
#include <malloc.h>

#include <memory>
#include <random>

#include "core/trace/trace_builder.h"
#include "core/trace/word_block.h"

namespace caracal::trace {
namespace {

size_t allocatedBytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd + WordBlock::largeBlockBytes();
}

// One rank as PyTorch records it: an operator, a launch and a kernel with a launch shape each time.
TraceBuilder kinetoLike(int32_t rank, int kernels) {
  std::mt19937 random(static_cast<uint32_t>(rank));
  TraceBuilder builder;
  const uint32_t r = builder.addRank({.rank = rank, .device = 0});
  const TrackIndex host = builder.addTrack({.kind = TrackKind::kCpuThread, .rank = r});
  const TrackIndex stream = builder.addTrack({.kind = TrackKind::kGpuStream, .rank = r});
  for (int i = 0; i < kernels; ++i) {
    const int64_t begin =
        1'700'000'000'000'000'000 + i * 12'500 + static_cast<int64_t>(random()) % 3000;
    const auto text = [&](const char* what, size_t kinds) {
      return builder.intern(std::string(what) + std::to_string(random() % kinds));
    };
    const auto id = static_cast<uint64_t>(i) + 1;
    builder.add({host, EventKind::kCpuOp, text("aten::op", 200), begin,
                 9000 + static_cast<int64_t>(random()) % 5000});
    builder.add({host, EventKind::kRuntime, text("cudaLaunch", 3), begin + 100, 4000, id});
    builder.add({stream, EventKind::kKernel, text("kernel of some length ", 300), begin + 8000,
                 1000 + static_cast<int64_t>(random()) % 100'000, id},
                {.detail = text("grid 1x1x", 100)});
  }
  return builder;
}

// A recording at operator level: every event has its place in the schedule.
TraceBuilder operatorsOf(int32_t rank, int operators) {
  std::mt19937 random(static_cast<uint32_t>(rank));
  TraceBuilder builder;
  const TrackIndex lane =
      builder.addTrack({.kind = TrackKind::kComputeLane, .rank = builder.addRank({.rank = rank})});
  for (int i = 0; i < operators; ++i) {
    const EventArgs args{.bytes = 1 << 25,
                         .step = i / 4000,
                         .microBatch = i / 500 % 8,
                         .stage = 1,
                         .layer = i / 20 % 24,
                         .pass = Pass::kForward};
    builder.add({lane, EventKind::kCompute, builder.intern("op" + std::to_string(i % 20)),
                 i * 20'000, 10'000 + static_cast<int64_t>(random()) % 9000},
                args);
  }
  return builder;
}

double bytesPerEvent(const Trace& trace) {
  return static_cast<double>(trace.memoryBytes()) / static_cast<double>(trace.eventCount());
}

TEST(TraceMemory, isWhatWasAllocated) {
  const auto probe = std::make_unique<std::vector<char>>();
  const size_t empty = allocatedBytes();
  probe->resize(size_t{1} << 20);
  if (allocatedBytes() < empty + (size_t{1} << 20))
    GTEST_SKIP() << "this allocator does not count (a sanitizer's)";
  for (const int files : {1, 3}) {
    const size_t before = allocatedBytes();
    std::vector<TraceBuilder> builders;
    for (int32_t r = 0; r < files; ++r) builders.push_back(kinetoLike(r, 120'000));
    auto trace = TraceBuilder::merge(std::move(builders));
    builders = std::vector<TraceBuilder>();
    const size_t held = allocatedBytes() - before;
    const auto counted = static_cast<double>(trace->memoryBytes());
    // The allocator counts small blocks that it keeps for the next one to ask.
    constexpr size_t kKeptBytes = 64 * 1024;
    EXPECT_NEAR(counted, static_cast<double>(held), 0.01 * counted + kKeptBytes) << files;
    trace.reset();
    EXPECT_LT(allocatedBytes(), before + kKeptBytes) << "a trace that is gone holds nothing";
  }
}

TEST(TraceMemory, keepsItsBoundsPerEvent) {
  std::vector<TraceBuilder> kineto, operators;
  for (int32_t r = 0; r < 2; ++r) {
    kineto.push_back(kinetoLike(r, 50'000));
    operators.push_back(operatorsOf(r, 50'000));
  }
  EXPECT_LE(bytesPerEvent(*TraceBuilder::merge(std::move(kineto))), 24.0);
  EXPECT_LE(bytesPerEvent(*TraceBuilder::merge(std::move(operators))), 24.0);
}

}  // namespace
}  // namespace caracal::trace
