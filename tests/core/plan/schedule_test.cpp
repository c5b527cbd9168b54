// Orders of every schedule: complete, executable, and with the memory that was published.
#include "core/plan/schedule.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <tuple>

#include "tests/support/schedules.h"

namespace caracal::plan {
namespace {

Schedule made(const std::string& name, int32_t devices, int32_t microBatches) {
  auto schedule = makeSchedule(name, devices, microBatches);
  EXPECT_TRUE(schedule.has_value()) << (schedule ? "" : schedule.error().text());
  return schedule.value_or(Schedule{});
}

std::string draw(const PassOrder& order) {
  static const std::map<PassKind, std::string> letters{{PassKind::kForward, "F"},
                                                       {PassKind::kBackward, "B"},
                                                       {PassKind::kInputGradient, "I"},
                                                       {PassKind::kWeightGradient, "W"}};
  std::string row;
  for (const ScheduledPass& pass : order) {
    row += (row.empty() ? "" : " ") + letters.at(pass.kind) + std::to_string(pass.microBatch);
  }
  return row;
}

std::string drawChunks(const PassOrder& order) {
  std::string row;
  for (const ScheduledPass& pass : order) {
    row += (row.empty() ? "" : " ") + std::to_string(pass.chunk) + "." +
           std::to_string(pass.microBatch);
  }
  return row;
}

TEST(Schedule, namesAreReadAndWritten) {
  for (const std::string& name : test::scheduleNames())
    EXPECT_EQ(toText(scheduleFromName(name).value()), name);
  EXPECT_EQ(scheduleFromName("GPipe").value().kind, ScheduleKind::kGPipe);
  EXPECT_EQ(scheduleFromName("Interleaved:4").value(),
            (ScheduleName{ScheduleKind::kInterleaved, 4}));
}

TEST(Schedule, whatCannotRunIsRefusedWithTheRemedy) {
  const std::tuple<const char*, int32_t, int32_t, const char*> cases[] = {
      {"chimera", 4, 8, "choose 1F1B, gpipe"},
      {"interleaved", 4, 8, "interleaved:V"},
      {"interleaved:", 4, 8, "there is no schedule"},
      {"interleaved:2x", 4, 8, "there is no schedule"},
      {"interleaved:1", 4, 8, "with one chunk it is 1F1B"},
      {"interleaved:99999999999", 4, 8, "there is no schedule"},
      {"interleaved:2", 4, 6, "use 4 or 8 micro-batches"},
      {"interleaved:2", 4, 3, "use 4 or 4 micro-batches"},
      {"dualpipe", 3, 8, "an even number of stages"},
      {"dualpipe", 4, 6, "at least twice the stages"},
      {"dualpipe", 4, 9, "an even number of micro-batches"},
      {"zb-v", 4, 2'000'000'000, "fewer micro-batches"},
      {"1F1B", 0, 4, "at least one stage"},
  };
  for (const auto& [name, devices, microBatches, words] : cases) {
    const auto schedule = makeSchedule(name, devices, microBatches);
    ASSERT_FALSE(schedule.has_value()) << name;
    EXPECT_NE(schedule.error().message.find(words), std::string::npos) << schedule.error().message;
  }
}

TEST(Schedule, ordersReadAsPublished) {
  EXPECT_EQ(draw(made("1F1B", 3, 4).orders[0]), "F0 F1 F2 B0 F3 B1 B2 B3");
  EXPECT_EQ(draw(made("gpipe", 3, 2).orders[0]), "F0 F1 B0 B1");
  EXPECT_EQ(draw(made("zb-h1", 3, 4).orders[1]), "F0 F1 I0 F2 I1 W0 F3 I2 W1 I3 W2 W3");
  EXPECT_EQ(draw(made("zb-h2", 3, 4).orders[0]), "F0 F1 F2 F3 I0 W0 I1 W1 I2 W2 I3 W3");
  // Megatron-LM's order on the last of two devices: chunks 1 and 3.
  EXPECT_EQ(drawChunks(made("interleaved:2", 2, 2).orders[1]), "1.0 1.1 3.0 3.0 3.1 3.1 1.0 1.1");
}

// Runs every device's order, each pass as soon as what it needs has run; returns whether all ran.
bool runs(const Schedule& schedule) {
  std::set<std::tuple<PassKind, int32_t, int32_t>> done;
  std::vector<size_t> next(schedule.orders.size(), 0);
  const auto ready = [&](const ScheduledPass& pass) {
    const auto has = [&](PassKind kind, int32_t chunk) {
      return done.count({kind, chunk, pass.microBatch}) > 0;
    };
    if (pass.kind == PassKind::kWeightGradient) return has(PassKind::kInputGradient, pass.chunk);
    if (pass.kind == PassKind::kForward)
      return pass.chunk == 0 || has(PassKind::kForward, pass.chunk - 1);
    const int32_t above = pass.chunk + 1;
    return has(PassKind::kForward, pass.chunk) &&
           (above == schedule.chunks || has(PassKind::kBackward, above) ||
            has(PassKind::kInputGradient, above));
  };
  for (bool progress = true; progress;) {
    progress = false;
    for (size_t d = 0; d < next.size(); ++d) {
      const PassOrder& order = schedule.orders[d];
      for (; next[d] < order.size() && ready(order[next[d]]); ++next[d], progress = true) {
        const ScheduledPass& pass = order[next[d]];
        EXPECT_EQ(schedule.deviceOf(pass.chunk, pass.microBatch), static_cast<int32_t>(d));
        EXPECT_TRUE(done.insert({pass.kind, pass.chunk, pass.microBatch}).second) << "twice";
      }
    }
  }
  for (size_t d = 0; d < next.size(); ++d) {
    if (next[d] < schedule.orders[d].size()) return false;
  }
  // Each chunk has seen each micro-batch forward, and backward whole or in two parts.
  for (int32_t chunk = 0; chunk < schedule.chunks; ++chunk) {
    for (int32_t q = 0; q < schedule.microBatches; ++q) {
      const bool whole = done.count({PassKind::kBackward, chunk, q}) > 0;
      const bool input = done.count({PassKind::kInputGradient, chunk, q}) > 0;
      const bool weights = done.count({PassKind::kWeightGradient, chunk, q}) > 0;
      if (whole == input || input != weights) return false;
    }
  }
  return true;
}

TEST(Schedule, everyOrderIsCompleteAndWaitsForNothingThatComesLater) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    test::Random random(seed);
    const test::SizedSchedule sized = test::randomSchedule(random, 12);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + sized.name + ", " +
                 std::to_string(sized.devices) + " devices, " + std::to_string(sized.microBatches) +
                 " micro-batches");
    EXPECT_TRUE(runs(made(sized.name, sized.devices, sized.microBatches)));
    if (testing::Test::HasFailure()) return;
  }
}

// Forwards without their weight gradient, over all chunks of a device: the activations it holds.
int32_t mostHeld(const PassOrder& order) {
  int32_t now = 0, most = 0;
  for (const ScheduledPass& pass : order) {
    if (pass.kind == PassKind::kForward) ++now;
    if (pass.kind == PassKind::kBackward || pass.kind == PassKind::kWeightGradient) --now;
    most = std::max(most, now);
  }
  return most;
}

int32_t mostHeld(const Schedule& schedule) {
  int32_t most = 0;
  for (const PassOrder& order : schedule.orders) most = std::max(most, mostHeld(order));
  return most;
}

// In activations of a whole device's layers 1F1B and ZB-H1 hold p, ZB-H2 2p - 1 (arXiv 2401.10241);
// of half a device's layers ZB-V holds 2p, V-Half p + 2 at most and V-Min (2p + 8) / 3 at most
// (arXiv 2405.15362: 1, 1/2 + 1/p and 1/3 + 4/(3p) of 1F1B); DualPipe p + 1 (arXiv 2412.19437).
TEST(Schedule, heldActivationsAreThosePublished) {
  for (int32_t p = 2; p <= 24; ++p) {
    SCOPED_TRACE(std::to_string(p) + " devices");
    const int32_t m = 4 * p;
    EXPECT_EQ(mostHeld(made("gpipe", p, m)), m);
    EXPECT_EQ(mostHeld(made("1F1B", p, m)), p);
    EXPECT_EQ(mostHeld(made("zb-h1", p, m)), p);
    EXPECT_EQ(mostHeld(made("zb-h2", p, m)), 2 * p - 1);
    EXPECT_EQ(mostHeld(made("zb-v", p, m)), 2 * p);
    EXPECT_LE(mostHeld(made("v-half", p, m)), p + 2);
    EXPECT_LE(3 * mostHeld(made("v-min", p, m)), 2 * p + 8);
    if (p % 2 == 0) {
      EXPECT_EQ(mostHeld(made("dualpipe", p, m)), p + 1);
    }
    for (int32_t chunks : {2, 4}) {
      // Narayanan et al. (arXiv 2104.04473): 1 + (p - 1) / (p v) of 1F1B's.
      EXPECT_EQ(mostHeld(made("interleaved:" + std::to_string(chunks), p, m)), p * chunks + p - 1);
    }
  }
}

TEST(Schedule, inFlightMicroBatchesComeFromTheOrder) {
  const Schedule schedule = made("1F1B", 4, 3);
  EXPECT_EQ(inFlight(schedule.orders[0], 0), 3);
  EXPECT_EQ(inFlight(schedule.orders[2], 2), 2);
  EXPECT_EQ(inFlight(schedule.orders[3], 3), 1);
  EXPECT_EQ(inFlight(made("gpipe", 4, 7).orders[3], 3), 7);
}

// In 1F1B the forward of micro-batch q hosts q - N_s + 1, for N_s > 1.
TEST(Schedule, forwardsHostTheMicroBatchWhoseBackwardComesNext) {
  for (int32_t m = 1; m <= 9; ++m) {
    const Schedule schedule = made("1F1B", 4, m);
    for (int32_t s = 0; s < 4; ++s) {
      const PassOrder& order = schedule.orders[static_cast<size_t>(s)];
      const int32_t held = std::min(4 - s, m);
      const auto hosted = hostedMicroBatches(order);
      for (size_t i = 0; i < order.size(); ++i) {
        const bool hosts =
            order[i].kind == PassKind::kForward && held > 1 && order[i].microBatch >= held - 1;
        EXPECT_EQ(hosted[i], hosts ? order[i].microBatch - held + 1 : -1);
      }
    }
  }
}

TEST(Schedule, oneLastPassOfEachChunkCompletesItsGradients) {
  test::Random random(7);
  for (const std::string& name : test::scheduleNames()) {
    const test::SizedSchedule sized = test::randomSizes(random, name, 4);
    const auto schedule = makeSchedule(name, sized.devices, sized.microBatches);
    ASSERT_TRUE(schedule.has_value()) << name;
    for (size_t d = 0; d < schedule->orders.size(); ++d) {
      const PassOrder& order = schedule->orders[d];
      const std::vector<bool> completes = completesGradients(order);
      std::set<int32_t> complete;
      for (size_t i = 0; i < order.size(); ++i) {
        const bool makes =
            order[i].kind == PassKind::kBackward || order[i].kind == PassKind::kWeightGradient;
        EXPECT_FALSE(makes && complete.contains(order[i].chunk)) << name << " pass " << i;
        if (!completes[i]) continue;
        EXPECT_TRUE(makes && complete.insert(order[i].chunk).second) << name;
      }
      EXPECT_EQ(complete.size(), schedule->chunksOf[d].size()) << name;
    }
  }
}

TEST(Schedule, aHostLiesBetweenForwardAndBackwardOfItsGuest) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    test::Random random(seed);
    const test::SizedSchedule sized = test::randomSchedule(random, 8);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + sized.name);
    for (const PassOrder& order : made(sized.name, sized.devices, sized.microBatches).orders) {
      const auto hosted = hostedMicroBatches(order);
      std::set<std::pair<int32_t, int32_t>> guests;
      for (size_t i = 0; i < order.size(); ++i) {
        if (hosted[i] < 0) continue;
        EXPECT_TRUE(guests.insert({order[i].chunk, hosted[i]}).second) << "hosted twice";
        const auto isGuest = [&](const ScheduledPass& pass, bool forward) {
          return pass.chunk == order[i].chunk && pass.microBatch == hosted[i] &&
                 pass.kind != PassKind::kWeightGradient &&
                 (pass.kind == PassKind::kForward) == forward;
        };
        const auto host = order.begin() + static_cast<std::ptrdiff_t>(i);
        EXPECT_TRUE(std::any_of(order.begin(), host, [&](auto& p) { return isGuest(p, true); }));
        EXPECT_TRUE(std::any_of(host, order.end(), [&](auto& p) { return isGuest(p, false); }));
      }
    }
  }
}

}  // namespace
}  // namespace caracal::plan
