#include "core/trace/trace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "core/trace/trace_builder.h"

namespace caracal::trace {
namespace {

TraceBuilder oneRank(int32_t rank, std::string_view kernel, int64_t beginNs) {
  TraceBuilder builder;
  const uint32_t r = builder.addRank({.rank = rank, .device = 0});
  const TrackIndex stream =
      builder.addTrack({.kind = TrackKind::kGpuStream, .rank = r, .device = 0, .id = 7});
  const TrackIndex host = builder.addTrack({.kind = TrackKind::kCpuThread, .rank = r, .id = 1});
  builder.add({host, EventKind::kRuntime, builder.intern("cudaLaunchKernel"), beginNs - 10, 5, 42});
  builder.add({stream, EventKind::kKernel, builder.intern(kernel), beginNs, 100, 42}, {.bytes = 8});
  return builder;
}

TEST(StringTable, sameTextSameId) {
  StringTable table;
  std::vector<NameId> ids;
  for (int i = 0; i < 1000; ++i) ids.push_back(table.intern("name " + std::to_string(i)));
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(table.intern("name " + std::to_string(i)), ids[static_cast<size_t>(i)]);
    EXPECT_EQ(table[ids[static_cast<size_t>(i)]], "name " + std::to_string(i));
  }
  EXPECT_EQ(table.intern(""), 0u);
  EXPECT_EQ(table.find("absent"), StringTable::kAbsent);
}

TEST(Trace, eventsAreSortedByTrackThenTimeThenLongestFirst) {
  TraceBuilder builder;
  const uint32_t rank = builder.addRank({});
  const TrackIndex a = builder.addTrack({.rank = rank});
  const TrackIndex empty = builder.addTrack({.rank = rank});
  const TrackIndex b = builder.addTrack({.rank = rank});
  builder.add({b, EventKind::kCpuOp, builder.intern("b"), 0, 1});
  builder.add({a, EventKind::kCpuOp, builder.intern("inner"), 5, 2});
  builder.add({a, EventKind::kCpuOp, builder.intern("outer"), 5, 9});
  const auto trace = std::move(builder).finish();
  ASSERT_EQ(trace->eventCount(), 3u);
  EXPECT_EQ(trace->name(0), "outer");
  EXPECT_EQ(trace->name(1), "inner");
  EXPECT_EQ(trace->name(2), "b");
  EXPECT_EQ(trace->trackOf(1), a);
  EXPECT_EQ(trace->trackOf(2), b);
  EXPECT_EQ(trace->tracks()[empty].eventCount, 0u);
  EXPECT_EQ(trace->range(), (Span{0, 14}));
}

TEST(Trace, mergeKeepsLaunchesOfEachRankApart) {
  std::vector<TraceBuilder> builders;
  builders.push_back(oneRank(1, "gemm", 1000));
  builders.push_back(oneRank(0, "gemm", 2000));
  const auto trace = TraceBuilder::merge(std::move(builders));
  ASSERT_EQ(trace->ranks().size(), 2u);
  EXPECT_EQ(trace->ranks()[0].rank, 0);
  int kernels = 0;
  for (EventIndex e = 0; e < trace->eventCount(); ++e) {
    if (trace->kind(e) != EventKind::kKernel) continue;
    ++kernels;
    ASSERT_NE(trace->launch(e), kNoIndex);
    EXPECT_EQ(trace->beginNs(trace->launch(e)), trace->beginNs(e) - 10);
    EXPECT_EQ(trace->args(e)->bytes, 8);
    EXPECT_EQ(trace->name(e), "gemm");
  }
  EXPECT_EQ(kernels, 2);
}

TEST(Trace, twoInputsOfOneRankAreBothKeptAndCounted) {
  std::vector<TraceBuilder> builders;
  builders.push_back(oneRank(3, "a", 1000));
  builders.push_back(oneRank(3, "b", 1000));
  const auto trace = TraceBuilder::merge(std::move(builders));
  EXPECT_EQ(trace->ranks()[0].rank, 3);
  EXPECT_EQ(trace->ranks()[1].rank, 4);
  EXPECT_EQ(trace->report().of(Defect::kDuplicateRank), 1);
}

// The slow and obvious version of what pack() does with the events of one track.
struct Plain {
  int64_t beginNs, durationNs;
  int32_t step;
};
std::vector<Plain> inOrder(std::vector<Plain> events) {
  std::stable_sort(events.begin(), events.end(), [](const Plain& a, const Plain& b) {
    return a.beginNs != b.beginNs ? a.beginNs < b.beginNs : a.durationNs > b.durationNs;
  });
  return events;
}

// Times that come in order, nearly in order, in two passes over the same time, or anyhow.
int64_t beginOf(int order, int i, int count, std::mt19937_64& random) {
  switch (order) {
    case 0:
      return i;
    case 1:
      return i + static_cast<int64_t>(random() % 400);
    case 2:
      return i % (count / 2);
    default:
      return static_cast<int64_t>(random() % 100);
  }
}

TEST(Trace, eventsComeInOrderHoweverTheyWereAddedAndChanged) {
  for (int order = 0; order < 4; ++order) {
    const uint64_t seed = 20250301 + static_cast<uint64_t>(order);
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    constexpr int kCount = 30'000;
    TraceBuilder builder;
    const uint32_t rank = builder.addRank({});
    std::vector<std::vector<Plain>> expected(3);
    std::vector<std::pair<EventIndex, Plain*>> numbers;
    for (size_t t = 0; t < expected.size(); ++t) {
      builder.addTrack({.rank = rank});
      expected[t].reserve(kCount);
    }
    for (int i = 0; i < kCount; ++i) {
      const auto t = static_cast<TrackIndex>(random() % expected.size());
      expected[t].push_back(
          {beginOf(order, i, kCount, random), static_cast<int64_t>(random() % 50), i % 1000});
      const Plain& event = expected[t].back();
      numbers.emplace_back(builder.add({t, EventKind::kOther, 0, event.beginNs, event.durationNs},
                                       {.step = event.step}),
                           &expected[t].back());
    }
    for (int i = 0; i < 2000; ++i) {
      auto& [number, event] = numbers[random() % numbers.size()];
      event->durationNs = static_cast<int64_t>(random() % 1000);
      event->step = 5000 + i;
      builder.setDuration(number, event->durationNs);
      builder.setArgs(number, {.step = event->step});
      ASSERT_EQ(builder.beginOf(number), event->beginNs);
      ASSERT_EQ(builder.argsOf(number).step, event->step);
    }
    builder.shift(1'000'000'007);
    size_t visited = 0;
    builder.forEachEvent([&](EventIndex) { ++visited; });
    EXPECT_EQ(visited, size_t{kCount});
    const auto trace = std::move(builder).finish();
    ASSERT_EQ(trace->eventCount(), size_t{kCount});
    for (TrackIndex t = 0; t < expected.size(); ++t) {
      EventIndex e = trace->tracks()[t].firstEvent;
      for (const Plain& event : inOrder(expected[t])) {
        ASSERT_EQ(trace->beginNs(e), event.beginNs + 1'000'000'007) << e;
        ASSERT_EQ(trace->durationNs(e), event.durationNs) << e;
        ASSERT_EQ(trace->args(e)->step, event.step) << e;
        ++e;
      }
    }
  }
}

TEST(Trace, launchesAreFoundByIdsCloseTogetherAndFarApart) {
  for (const uint64_t apart : {uint64_t{1}, uint64_t{2}, uint64_t{1} << 40}) {
    SCOPED_TRACE(apart);
    TraceBuilder builder;
    const uint32_t rank = builder.addRank({});
    const TrackIndex stream = builder.addTrack({.kind = TrackKind::kGpuStream, .rank = rank});
    const TrackIndex host = builder.addTrack({.kind = TrackKind::kCpuThread, .rank = rank});
    constexpr int64_t kCalls = 1000;
    for (int64_t i = 0; i < kCalls; ++i) {
      const uint64_t id = static_cast<uint64_t>(i) * apart + 10;
      builder.add({host, EventKind::kRuntime, 0, i * 10, 5, id});
      builder.add({stream, EventKind::kKernel, 0, i * 10 + 7, 2, id});
      builder.add({stream, EventKind::kMemset, 0, i * 10 + 9, 1, id});
    }
    builder.add({stream, EventKind::kKernel, 0, kCalls * 10, 2, 9});
    const auto trace = std::move(builder).finish();
    const EventIndex firstCall = trace->tracks()[host].firstEvent;
    for (EventIndex e = 0; e < 2 * kCalls; ++e) ASSERT_EQ(trace->launch(e), firstCall + e / 2) << e;
    EXPECT_EQ(trace->launch(2 * kCalls), kNoIndex);
    EXPECT_EQ(trace->report().of(Defect::kGpuWorkWithoutLaunch), 1);
  }
}

TEST(Trace, equalArgumentsAreHeldOnceAndChangedForOneEventOnly) {
  TraceBuilder builder;
  const TrackIndex track = builder.addTrack({.rank = builder.addRank({})});
  std::vector<EventIndex> events;
  for (int i = 0; i < 4; ++i) events.push_back(builder.add({track, EventKind::kKernel, 0, i, 1}));
  for (EventIndex e : events)
    builder.setArgs(e, {.detail = builder.intern(e < 2 ? "grid 1x1x1" : "grid 2x1x1")});
  builder.setArgs(events[1], {.bytes = 5});
  const auto trace = std::move(builder).finish();
  EXPECT_EQ(trace->names()[trace->args(0)->detail], "grid 1x1x1");
  EXPECT_EQ(trace->args(1)->bytes, 5);
  EXPECT_EQ(trace->args(2), trace->args(3));
  EXPECT_EQ(trace->names()[trace->args(2)->detail], "grid 2x1x1");
  EXPECT_EQ(trace->data().events.args.size(), 3u);
}

TEST(Trace, argumentsComeBackAsTheyWereGiven) {
  TraceBuilder builder;
  const TrackIndex track = builder.addTrack({.rank = builder.addRank({})});
  EventArgs all{.bytes = int64_t{1} << 40,
                .sequence = 7,
                .externalId = 10159970886766084423u,
                .group = builder.addGroup({.name = "tp"}),
                .dtype = builder.intern("BFloat16"),
                .detail = builder.intern("grid 1x1x1"),
                .peer = 3,
                .step = 12,
                .microBatch = 4,
                .stage = 2,
                .chunk = 1,
                .layer = -3,
                .collective = CollectiveKind::kGeneric,
                .pass = Pass::kOptimizer,
                .window = 8};
  builder.add({track, EventKind::kComm, 0, 0, 1}, all);
  builder.add({track, EventKind::kComm, 0, 1, 1}, {});
  builder.add({track, EventKind::kComm, 0, 2, 1});
  const auto trace = std::move(builder).finish();
  EXPECT_EQ(trace->args(0), all);
  EXPECT_EQ(trace->args(1), EventArgs{});
  EXPECT_EQ(trace->args(2), std::nullopt);
  EXPECT_FALSE(trace->hasArgs(2));
}

TEST(Trace, mergingStopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  std::vector<TraceBuilder> builders;
  builders.push_back(oneRank(0, "a", 1000));
  builders.push_back(oneRank(1, "b", 1000));
  for (TraceBuilder& builder : builders) builder.pack();
  EXPECT_EQ(TraceBuilder::merge(std::move(builders), stop.get_token()), nullptr);
  EXPECT_FALSE(oneRank(0, "a", 1000).pack(stop.get_token()));
}

TEST(Trace, manyEventsInAnyOrderAreSorted) {
  TraceBuilder builder;
  const TrackIndex track = builder.addTrack({.rank = builder.addRank({})});
  constexpr int64_t kCount = 200'000;  // more than one run of the sort
  for (int64_t i = 0; i < kCount; ++i)
    builder.add({track, EventKind::kCpuOp, 0, i * 7919 % kCount, 1});
  const auto trace = std::move(builder).finish();
  for (EventIndex e = 0; e < trace->eventCount(); ++e) ASSERT_EQ(trace->beginNs(e), e);
}

TEST(Trace, anEmptyTraceHasAnEmptyRange) {
  const auto trace = TraceBuilder::merge({});
  EXPECT_EQ(trace->eventCount(), 0u);
  EXPECT_EQ(trace->range(), (Span{0, 0}));
}

TEST(Trace, aLaunchIsFoundOnTheRankThatHoldsTheProcessesThreads) {
  TraceBuilder builder;
  const uint32_t second = builder.addRank({.rank = 1, .hostRank = 1});
  const uint32_t first = builder.addRank({.rank = 0});
  const TrackIndex host = builder.addTrack({.kind = TrackKind::kCpuThread, .rank = first});
  const TrackIndex stream = builder.addTrack({.kind = TrackKind::kGpuStream, .rank = second});
  builder.add({host, EventKind::kRuntime, builder.intern("cudaLaunchKernel"), 0, 5, 42});
  builder.add({stream, EventKind::kKernel, builder.intern("linked"), 10, 5, 42});
  builder.add({stream, EventKind::kKernel, builder.intern("unlinked"), 20, 5, 43});
  builder.reorderRanks({first, second});
  const auto trace = std::move(builder).finish();
  EXPECT_EQ(trace->ranks()[0].rank, 0);
  EXPECT_EQ(trace->ranks()[1].hostRank, 0u);
  EXPECT_EQ(trace->tracks()[stream].rank, 1u);
  EXPECT_EQ(trace->name(1), "linked");
  EXPECT_EQ(trace->launch(1), 0u);
  EXPECT_EQ(trace->launch(2), kNoIndex);
  EXPECT_EQ(trace->report().of(Defect::kGpuWorkWithoutLaunch), 1);
}

}  // namespace
}  // namespace caracal::trace
