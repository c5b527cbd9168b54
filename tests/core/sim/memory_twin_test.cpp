// The memory timeline against a map of living tensors: slow and obvious.
#include "core/sim/memory_timeline.h"

#include <gtest/gtest.h>

#include <map>
#include <tuple>

#include "core/plan/item_effects.h"
#include "core/plan/tensor_bytes.h"
#include "core/sim/item_durations.h"
#include "core/sim/simulator.h"
#include "tests/core/sim/random_case.h"

namespace caracal::sim {
namespace {

using plan::Action;
using plan::Item;

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

}  // namespace
}  // namespace caracal::sim
