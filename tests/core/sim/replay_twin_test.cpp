// The replay against an event-by-event twin: one global clock that moves from event to event, and
// tensors in a map. Slow and obvious, written from program.h and docs alone.
#include "core/sim/replay.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "core/plan/item_effects.h"
#include "core/plan/tensor_bytes.h"
#include "core/sim/item_durations.h"
#include "core/sim/memory_timeline.h"
#include "core/sim/simulator.h"
#include "tests/support/layers.h"
#include "tests/support/schedules.h"

namespace caracal::sim {
namespace {

using plan::Action;
using plan::Item;

// Without contention: kappa = rho = 1.
class Twin {
 public:
  Twin(const profile::Profile& profile, const plan::Plan& plan, const plan::Program& program)
      : m_profile(profile), m_plan(plan), m_program(program), m_graphs(profile) {
    m_stages.resize(program.stages.size());
  }

  int64_t run() {
    m_events.insert(0);
    int64_t last = 0;
    while (!m_events.empty()) {
      const int64_t now = *m_events.begin();
      m_events.erase(m_events.begin());
      for (Stage& stage : m_stages) moveFlows(stage, now);
      for (size_t s = 0; s < m_stages.size(); ++s) {
        while (m_stages[s].freeAt <= now && step(s, now)) {
        }
        last = std::max(last, m_stages[s].freeAt);
      }
    }
    for (size_t s = 0; s < m_stages.size(); ++s)
      EXPECT_EQ(m_stages[s].next, m_program.stages[s].items.size());
    return last;
  }

 private:
  using Message =
      std::tuple<size_t, char, int32_t, int32_t>;  // to device, pass, chunk, micro-batch

  // A transfer that shares its device's port.
  struct Flow {
    std::optional<Message> message;  // nothing: a reduction
    long double left = 0;            // nanoseconds alone
    int64_t latencyNs = 0;
  };

  struct Stage {
    std::vector<Flow> flows;
    int64_t flowsAt = 0;
    std::deque<int64_t> reductions;  // that wait for their turn at the port; nanoseconds alone
    bool reducing = false;
    size_t next = 0;
    int64_t freeAt = 0;        // compute
    int64_t streamFreeAt = 0;  // communication
    int64_t reducedAt = 0;     // data-parallel stream
    bool reducesAtTheEnd = false;
    int64_t copyOutFreeAt = 0, copyInFreeAt = 0;
    std::map<std::tuple<bool, int32_t, int16_t, int32_t>, int64_t> copyEnd;  // direction, tensor
    std::map<uint32_t, int64_t> collectiveEnd;
  };

  // Starts the next item if everything it needs is there; returns whether it did.
  bool step(size_t s, int64_t now) {
    Stage& stage = m_stages[s];
    const auto& items = m_program.stages[s].items;
    if (stage.next == items.size()) return false;
    const Item& item = items[stage.next];
    const plan::DeviceShape shape =
        plan::deviceShape(m_profile, m_graphs, m_plan, m_program.stages[s]);
    const auto neighbour = [&](int32_t towards) {
      const plan::HeldChunk& held = m_program.stages[s].chunks[shape.slotOf(item.chunk)];
      return static_cast<size_t>(towards > 0 ? held.after : held.before);
    };
    switch (item.action) {
      case Action::kRecvForward:
        if (!arrived({s, 'F', item.chunk, item.microBatch}, now)) return false;
        break;
      case Action::kRecvBackward:
        if (!arrived({s, 'B', item.chunk, item.microBatch}, now)) return false;
        break;
      case Action::kSendForward:
        send(stage, {neighbour(+1), 'F', item.chunk + 1, item.microBatch}, now,
             m_profile.sendForwardNs);
        break;
      case Action::kSendBackward:
        send(stage, {neighbour(-1), 'B', item.chunk - 1, item.microBatch}, now,
             m_profile.sendBackwardNs);
        break;
      case Action::kCollectiveStart:
        stage.streamFreeAt = std::max(stage.streamFreeAt, now) + aloneNs(shape, item);
        stage.collectiveEnd[item.collective] = stage.streamFreeAt;
        break;
      case Action::kCollectiveWait:
        finishAt(stage, std::max(now, stage.collectiveEnd.at(item.collective)));
        break;
      case Action::kReduceStart:
        reduce(stage, now, aloneNs(shape, item));
        break;
      case Action::kGradientReduce:
        if (!std::exchange(stage.reducesAtTheEnd, true)) reduce(stage, now, aloneNs(shape, item));
        [[fallthrough]];
      case Action::kReduceWait:
        if (stage.reducing || !stage.reductions.empty()) return false;
        finishAt(stage, std::max(now, stage.reducedAt));
        break;
      case Action::kOffloadStart:
      case Action::kFetchStart: {
        const bool out = item.action == Action::kOffloadStart;
        int64_t& freeAt = out ? stage.copyOutFreeAt : stage.copyInFreeAt;
        freeAt = std::max(freeAt, now) + aloneNs(shape, item);
        stage.copyEnd[{out, item.layer, item.op, item.microBatch}] = freeAt;
        break;
      }
      case Action::kOffloadWait:
      case Action::kFetchWait: {
        const bool out = item.action == Action::kOffloadWait;
        finishAt(stage,
                 std::max(now, stage.copyEnd.at({out, item.layer, item.op, item.microBatch})));
        break;
      }
      default:
        finishAt(stage, now + aloneNs(shape, item));
    }
    ++stage.next;
    return true;
  }

  void finishAt(Stage& stage, int64_t time) {
    stage.freeAt = time;
    m_events.insert(time);
  }

  void send(Stage& from, const Message& message, int64_t now, int64_t ns) {
    const profile::Link& link = m_profile.pipelineLink;
    if (!link.shared) return deliver(message, now + ns);
    const int64_t latencyNs = std::min(ns, link.latencyNs);
    from.flows.push_back({message, static_cast<long double>(ns - latencyNs), latencyNs});
    lookAgain(from, now);
  }

  void reduce(Stage& stage, int64_t now, int64_t ns) {
    if (!m_profile.dataLink.shared) {
      stage.reducedAt = std::max(stage.reducedAt, now) + ns;
      return;
    }
    stage.reductions.push_back(ns);
    moveFlows(stage, now);
  }

  void deliver(const Message& message, int64_t time) {
    m_arrivals[message] = time;
    m_events.insert(time);
  }

  // Lets time go by for the flows of a port, ends those that are through and starts a reduction
  // whose turn it is.
  void moveFlows(Stage& stage, int64_t now) {
    constexpr long double kThrough = 1e-9L;
    const auto count = static_cast<long double>(stage.flows.size());
    for (Flow& flow : stage.flows)
      flow.left -= static_cast<long double>(now - stage.flowsAt) / count;
    stage.flowsAt = now;
    for (const Flow& flow : stage.flows) {
      if (flow.left > kThrough) continue;
      if (flow.message) {
        deliver(*flow.message, now + flow.latencyNs);
      } else {
        stage.reducing = false;
        stage.reducedAt = now + flow.latencyNs;
        m_events.insert(stage.reducedAt);
      }
    }
    std::erase_if(stage.flows, [](const Flow& flow) { return flow.left <= kThrough; });
    if (!stage.reducing && !stage.reductions.empty() && stage.reducedAt <= now) {
      const int64_t latencyNs = std::min(stage.reductions.front(), m_profile.dataLink.latencyNs);
      stage.flows.push_back({std::nullopt,
                             static_cast<long double>(stage.reductions.front() - latencyNs),
                             latencyNs});
      stage.reductions.pop_front();
      stage.reducing = true;
    }
    lookAgain(stage, now);
  }

  // When the next flow will be through, if none joins: a whole nanosecond, rounded up.
  void lookAgain(const Stage& stage, int64_t now) {
    if (stage.flows.empty()) return;
    long double least = stage.flows.front().left;
    for (const Flow& flow : stage.flows) least = std::min(least, flow.left);
    const long double ns = least * static_cast<long double>(stage.flows.size());
    m_events.insert(now + static_cast<int64_t>(std::ceil(ns - 1e-6L)));
  }

  bool arrived(const Message& message, int64_t now) const {
    const auto found = m_arrivals.find(message);
    return found != m_arrivals.end() && found->second <= now;
  }

  const profile::Profile& m_profile;
  const plan::Plan& m_plan;
  const plan::Program& m_program;
  plan::ProfileGraphs m_graphs;
  std::vector<Stage> m_stages;
  std::set<int64_t> m_events;
  std::map<Message, int64_t> m_arrivals;
};

// Peak memory with one map entry per living tensor.
int64_t peakByMap(const plan::DeviceShape& device, const plan::StageProgram& program) {
  const profile::Profile& profile = device.chunks.front().profile;
  std::map<std::tuple<int32_t, int16_t, int32_t>, int64_t> alive;
  const int64_t base =
      staticBytes(device) + profile.memory.workspaceBytes + profile.memory.reserveBytes;
  int64_t peak = base;
  for (const Item& item : program.items) {
    if (item.chunk < 0) continue;
    const plan::StageShape& shape = device.of(item);
    plan::forEachMade(shape, item, [&](const plan::TensorRef& tensor) {
      const plan::TensorBytes bytes = plan::tensorBytes(shape, tensor);
      alive[{tensor.layer, tensor.op, tensor.microBatch}] =
          item.action == Action::kFetchStart ? bytes.retained : bytes.live;
    });
    int64_t now = base;
    for (const auto& entry : alive) now += entry.second;
    peak = std::max(peak, now);
    const bool forward =
        item.action == Action::kForward ||
        (item.action == Action::kCollectiveWait && item.window != plan::kRepeatedCollective);
    if (forward && item.op >= 0 && item.op == shape.graph(item.layer).last()) {
      for (auto& [key, bytes] : alive) {
        const auto [layer, op, microBatch] = key;
        if (layer != item.layer || microBatch != item.microBatch || op < 0) continue;
        bytes = plan::tensorBytes(shape, {layer, op, microBatch}).retained;
      }
    }
    for (uint32_t r = item.releaseBegin; r < item.releaseEnd; ++r) {
      const plan::TensorRef& tensor = program.releases[r];
      alive.erase({tensor.layer, tensor.op, tensor.microBatch});
    }
  }
  return peak;
}

struct Case {
  profile::Profile profile;
  plan::Plan plan;
};

Case randomCase(uint64_t seed) {
  test::Random random(seed);
  const test::SizedSchedule schedule = test::randomSchedule(random, 4);
  Case result{
      test::makeProfile(test::randomLayer(random, static_cast<int>(test::pick(random, 1, 4))),
                        static_cast<int32_t>(test::pick(random, 8, 11)), schedule.devices,
                        schedule.microBatches),
      {}};
  result.profile.sendForwardNs = test::pick(random, 0, 60);
  result.profile.sendBackwardNs = test::pick(random, 0, 60);
  result.profile.parallel.data = static_cast<int32_t>(test::pick(random, 1, 2));
  result.profile.parallel.overlapGradientReduce = test::pick(random, 0, 1) == 1;
  result.profile.first.gradientReduceNs = test::pick(random, 0, 40);
  result.profile.last.gradientReduceNs = test::pick(random, 0, 40);
  result.profile.hostLink = {test::pick(random, 0, 5),
                             1e9 * static_cast<double>(test::pick(random, 1, 8))};
  result.profile.pipelineLink = {test::pick(random, 0, 20), 1e9, test::pick(random, 0, 1) == 1};
  result.profile.dataLink = {test::pick(random, 0, 20), 1e9, test::pick(random, 0, 1) == 1};
  result.profile.memory = {0, test::pick(random, 0, 100), test::pick(random, 0, 100)};
  result.profile.kinds.push_back(test::randomLayer(random, 2));
  for (profile::LayerKind& kind : result.profile.kinds) {
    kind.gradientReduceNs = test::pick(random, 0, 150);
    if (seed % 2 == 0) test::addGathers(random, 2, kind);
  }
  for (uint32_t& kind : result.profile.layers)
    kind = static_cast<uint32_t>(test::pick(random, 0, 1));
  const bool offloads = test::pick(random, 0, 1) == 1;
  const auto policyOf = [&](const profile::LayerKind& kind) {
    auto placements = test::randomPlacements(random, kind);
    return offloads ? test::offloadSome(random, kind, std::move(placements)) : placements;
  };
  result.plan = test::makePlanOf(
      result.profile, {policyOf(result.profile.kinds[0]), policyOf(result.profile.kinds[1])},
      schedule.name);
  return result;
}

TEST(Replay, agreesWithTheEventByEventTwin) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Case c = randomCase(seed);
    const auto program = plan::lower(c.profile, c.plan);
    ASSERT_TRUE(program.has_value());
    const auto fast = replay(c.profile, c.plan, *program);
    ASSERT_TRUE(fast.has_value());
    EXPECT_EQ(fast->stepNs, Twin(c.profile, c.plan, *program).run());
    if (testing::Test::HasFailure()) return;
  }
}

TEST(MemoryTimeline, agreesWithAMapOfLivingTensors) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Case c = randomCase(seed);
    const auto program = plan::lower(c.profile, c.plan);
    ASSERT_TRUE(program.has_value());
    const auto result = simulate(c.profile, c.plan, {TraceDetail::kPasses});
    ASSERT_TRUE(result.has_value());
    const plan::ProfileGraphs graphs(c.profile);
    for (size_t index = 0; index < program->stages.size(); ++index) {
      const plan::DeviceShape shape =
          plan::deviceShape(c.profile, graphs, c.plan, program->stages[index]);
      const int64_t expected = peakByMap(shape, program->stages[index]);
      EXPECT_EQ(result->stages[index].peakBytes, expected) << "device " << index;
      EXPECT_EQ(peakBytesOf(shape, program->stages[index]), expected) << "device " << index;
      int64_t sampled = 0, time = 0;
      for (const MemorySample& sample : result->stages[index].memory) {
        EXPECT_GE(sample.timeNs, time);
        time = sample.timeNs;
        sampled = std::max(sampled, sample.bytes);
      }
      EXPECT_EQ(sampled, expected);
      EXPECT_EQ(result->stages[index].memory.back().bytes,
                result->stages[index].memory.front().bytes);
    }
    if (testing::Test::HasFailure()) return;
  }
}

TEST(FoldedReplay, givesTheFiguresOfAReplayOfEveryOperator) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    Case c = randomCase(seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " + c.plan.schedule);
    c.profile.kappa = 1.0 + static_cast<double>(seed % 3) / 4;
    c.profile.rho = 1.0 + static_cast<double>(seed % 4) / 8;
    const auto folded = simulate(c.profile, c.plan, {TraceDetail::kNone});
    const auto whole = simulate(c.profile, c.plan, {TraceDetail::kPasses});
    ASSERT_TRUE(folded.has_value() && whole.has_value());
    EXPECT_EQ(folded->stepNs, whole->stepNs);
    EXPECT_EQ(folded->pipelineNs, whole->pipelineNs);
    EXPECT_EQ(folded->bubblePct, whole->bubblePct);
    EXPECT_EQ(folded->zbBubbleRate, whole->zbBubbleRate);
    ASSERT_EQ(folded->stages.size(), whole->stages.size());
    for (size_t s = 0; s < whole->stages.size(); ++s) {
      const StageResult &a = folded->stages[s], &b = whole->stages[s];
      EXPECT_EQ(a.layers, b.layers);
      EXPECT_EQ(a.forwardNs, b.forwardNs);
      EXPECT_EQ(a.backwardNs, b.backwardNs);
      EXPECT_EQ(a.weightNs, b.weightNs);
      EXPECT_EQ(a.busyNs, b.busyNs);
      EXPECT_EQ(a.bubbleNs, b.bubbleNs);
      EXPECT_EQ(a.exposedRecomputeNs, b.exposedRecomputeNs);
      EXPECT_EQ(a.hiddenRecomputeNs, b.hiddenRecomputeNs);
      EXPECT_EQ(a.exposedOffloadNs, b.exposedOffloadNs);
      EXPECT_EQ(a.exposedReduceNs, b.exposedReduceNs);
      EXPECT_EQ(a.hostBytes, b.hostBytes);
      EXPECT_EQ(a.staticBytes, b.staticBytes);
      EXPECT_EQ(a.peakBytes, b.peakBytes) << "device " << s;
    }
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Replay, stopsWhenAsked) {
  const Case c = randomCase(1);
  std::stop_source source;
  source.request_stop();
  const auto result = simulate(c.profile, c.plan, {}, source.get_token());
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::kCancelled);
}

TEST(Replay, aProgramThatWaitsForItselfIsReportedNotHung) {
  const auto profile = test::makeProfile(test::tinyLayer(), 2, 2, 1);
  const auto plan = test::makePlanOf(profile, {test::keepAll(profile.kinds[0])});
  auto program = plan::lower(profile, plan);
  ASSERT_TRUE(program.has_value());
  auto& items = program->stages[0].items;
  std::erase_if(items, [](const Item& item) { return item.action == Action::kSendForward; });
  const auto result = replay(profile, plan, *program);
  ASSERT_FALSE(result.has_value());
  EXPECT_NE(result.error().message.find("stage 1 at item 0"), std::string::npos)
      << result.error().message;
}

}  // namespace
}  // namespace caracal::sim
