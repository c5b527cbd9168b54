#include "core/trace/activity.h"

#include <gtest/gtest.h>

#include <random>

#include "core/trace/trace_builder.h"

namespace caracal::trace {
namespace {

// The definitions of SpanSummary, word by word.
SpanSummary bruteForce(const Trace& trace, const Track& track, Span span) {
  SpanSummary summary;
  int64_t coveredTo = span.beginNs;
  for (EventIndex e = track.firstEvent; e < track.firstEvent + track.eventCount; ++e) {
    const Span event = trace.span(e);
    const bool begins = event.beginNs >= span.beginNs && event.beginNs < span.endNs;
    if (begins) ++summary.events;
    if (!occupies(trace.kind(e)) || event.beginNs >= span.endNs) continue;
    if (begins)
      summary.longestEventNs = std::max(summary.longestEventNs, event.endNs - event.beginNs);
    summary.longestGapNs = std::max(summary.longestGapNs, event.beginNs - coveredTo);
    const int64_t from = std::max(event.beginNs, coveredTo);
    const int64_t to = std::min(event.endNs, span.endNs);
    if (to > from) summary.busyNs += to - from;
    coveredTo = std::max(coveredTo, to);
  }
  summary.longestGapNs = std::max(summary.longestGapNs, span.endNs - coveredTo);
  return summary;
}

struct Shape {
  int events;
  int64_t spacingNs;
  int64_t longestNs;
  int unoccupiedPercent;
};

std::shared_ptr<const Trace> randomTrace(const Shape& shape, uint32_t seed) {
  std::mt19937 random(seed);
  TraceBuilder builder;
  const uint32_t rank = builder.addRank({});
  builder.addTrack({.rank = rank});
  const TrackIndex other = builder.addTrack({.rank = rank});
  const TrackIndex track = builder.addTrack({.rank = rank});
  builder.add({other, EventKind::kKernel, 0, 3, 5});
  for (int i = 0; i < shape.events; ++i) {
    const bool beside = static_cast<int>(random() % 100) < shape.unoccupiedPercent;
    builder.add({track, beside ? EventKind::kPythonFunction : EventKind::kCpuOp, 0,
                 static_cast<int64_t>(random() % (shape.events * shape.spacingNs)),
                 static_cast<int64_t>(random() % (shape.longestNs + 1))});
  }
  return std::move(builder).finish();
}

TEST(Activity, equalsTheDefinitionOverAnySpan) {
  const Shape shapes[] = {{0, 1, 1, 0},         {1, 100, 50, 0},    {63, 20, 10, 10},
                          {64, 20, 100, 0},     {1000, 30, 10, 0},  {3000, 30, 20, 50},
                          {3000, 10, 1000, 97}, {20000, 40, 10, 0}, {20000, 5, 500, 99},
                          {5000, 10, 10, 100}};
  uint32_t seed = 1;
  for (const Shape& shape : shapes) {
    const auto trace = randomTrace(shape, seed);
    const Track& track = trace->tracks().back();
    std::mt19937 random(seed);
    const int64_t last = shape.events * shape.spacingNs + shape.longestNs + 10;
    for (int i = 0; i < 100; ++i) {
      const auto begin = static_cast<int64_t>(random() % last) - 5;
      const Span span{begin, begin + 1 + static_cast<int64_t>(random() % (i < 50 ? last : 50))};
      ASSERT_EQ(trace->activity(2, span), bruteForce(*trace, track, span))
          << "seed " << seed << ", " << shape.events << " events, [" << span.beginNs << ", "
          << span.endNs << ")";
    }
    ++seed;
  }
}

TEST(Activity, binsOfARowAreTheSummariesOfTheirSpans) {
  const auto trace = randomTrace({.events = 5000, .spacingNs = 40, .longestNs = 60}, 7);
  const Span span{1000, 150'013};
  const auto bins = trace->activityBins(2, span, 97);
  ASSERT_EQ(bins.size(), 97u);
  int64_t events = 0, busy = 0;
  for (const SpanSummary& bin : bins) {
    events += bin.events;
    busy += bin.busyNs;
  }
  const SpanSummary whole = trace->activity(2, span);
  EXPECT_EQ(events, whole.events);
  EXPECT_EQ(busy, whole.busyNs);
  const int64_t length = span.endNs - span.beginNs;
  const Span third{span.beginNs + length / 97 * 2 + length % 97 * 2 / 97,
                   span.beginNs + length / 97 * 3 + length % 97 * 3 / 97};
  EXPECT_EQ(bins[2], trace->activity(2, third));
}

TEST(Activity, staysTheSameWhenTracesAreMerged) {
  std::vector<TraceBuilder> builders(2);
  for (int32_t r = 0; r < 2; ++r) {
    TraceBuilder& builder = builders[static_cast<size_t>(r)];
    const TrackIndex track = builder.addTrack({.rank = builder.addRank({.rank = r})});
    for (int i = 0; i < 700 * (r + 1); ++i)
      builder.add({track, EventKind::kKernel, 0, i * 10 + r, i % 20});
  }
  const auto trace = TraceBuilder::merge(std::move(builders));
  for (TrackIndex t = 0; t < 2; ++t) {
    for (const Span span : {Span{0, 20'000}, Span{995, 6'003}})
      EXPECT_EQ(trace->activity(t, span), bruteForce(*trace, trace->tracks()[t], span));
  }
}

}  // namespace
}  // namespace caracal::trace
