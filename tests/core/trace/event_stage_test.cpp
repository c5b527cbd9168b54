// What a stage of events gives back is what was put in, packed or not.
#include "core/trace/event_stage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

namespace caracal::trace {
namespace {

bool areEqual(const StagedEvent& a, const StagedEvent& b) {
  return a.beginNs == b.beginNs && a.durationNs == b.durationNs && a.correlation == b.correlation &&
         a.name == b.name && a.argsRow == b.argsRow && a.kind == b.kind;
}

// Ids that lie near each other, far apart, or use the highest bit; many events have none.
StagedEvent randomEvent(std::mt19937_64& random, int style) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  const uint64_t ids[] = {0,        1,     1'000'000 + random() % 300,
                          random(), kMost, kMost / 2 + random() % 3};
  const bool hasArgs = random() % 3 != 0;
  return {.beginNs = static_cast<int64_t>(random() % 1'000'000'000),
          .durationNs = static_cast<int64_t>(random() % 5000),
          .correlation = style < 3 ? ids[random() % static_cast<size_t>(style + 1)]
                                   : ids[random() % std::size(ids)],
          .name = static_cast<NameId>(random() % 1000),
          .argsRow = hasArgs ? static_cast<uint32_t>(random() % 100'000) : kNoIndex,
          .kind = static_cast<EventKind>(random() % kEventKindCount)};
}

TEST(EventStage, givesBackWhatWasPutIn) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    EventStage stage;
    std::vector<std::pair<EventIndex, StagedEvent>> events;
    for (int i = 0; i < 3000; ++i) {
      const StagedEvent event = randomEvent(random, static_cast<int>(seed % 4));
      events.emplace_back(stage.add(static_cast<TrackIndex>(random() % 3), event), event);
    }
    for (int i = 0; i < 200; ++i) {
      auto& [number, event] = events[random() % events.size()];
      event = randomEvent(random, static_cast<int>(seed % 4));
      stage.set(number, event);
    }
    ASSERT_EQ(stage.size(), events.size());
    for (const auto& [number, event] : events) ASSERT_TRUE(areEqual(stage[number], event));
    std::sort(events.begin(), events.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    size_t next = 0;
    stage.forEach([&](EventIndex number, const StagedEvent& event) {
      ASSERT_EQ(number, events[next].first);
      ASSERT_TRUE(areEqual(event, events[next++].second));
    });
    EXPECT_EQ(next, events.size());
  }
}

}  // namespace
}  // namespace caracal::trace
