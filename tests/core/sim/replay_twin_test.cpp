// The replay against its event-by-event twin, with and without contention.
#include <gtest/gtest.h>

#include <array>

#include "core/sim/replay.h"
#include "core/sim/simulator.h"
#include "tests/core/sim/random_case.h"
#include "tests/core/sim/replay_twin.h"
#include "tests/support/seeds.h"

namespace caracal::sim {
namespace {

void expectTheTwinsStep(const Case& c) {
  const auto program = plan::lower(c.profile, c.plan);
  ASSERT_TRUE(program.has_value());
  const auto fast = replay(c.profile, c.plan, *program);
  ASSERT_TRUE(fast.has_value());
  const auto slow = ReplayTwin(c.profile, c.plan, *program).run();
  ASSERT_TRUE(slow.has_value()) << "the twin waits for itself";
  EXPECT_EQ(fast->stepNs, *slow);
}

TEST(Replay, agreesWithTheEventByEventTwin) {
  for (uint64_t seed = 1; seed <= test::seedCount(400); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    expectTheTwinsStep(randomCase(seed));
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Replay, chargesContentionAsTheEventByEventTwinDoes) {
  constexpr std::array kFactors{1.0, 1.07, 1.25, 1.3, 2.0};
  int slower = 0;
  for (uint64_t seed = 1; seed <= test::seedCount(400); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Case c = randomCase(seed);
    const auto before = simulate(c.profile, c.plan);
    c.profile.kappa = kFactors[seed % kFactors.size()];
    c.profile.rho = kFactors[seed / kFactors.size() % kFactors.size()];
    expectTheTwinsStep(c);
    const auto after = simulate(c.profile, c.plan);
    ASSERT_TRUE(before.has_value() && after.has_value());
    slower += after->stepNs > before->stepNs;
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(static_cast<uint64_t>(slower), test::seedCount(400) / 4);
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
  std::erase_if(items,
                [](const plan::Item& item) { return item.action == plan::Action::kSendForward; });
  const auto result = replay(profile, plan, *program);
  ASSERT_FALSE(result.has_value());
  EXPECT_NE(result.error().message.find("stage 1 at item 0"), std::string::npos)
      << result.error().message;
}

}  // namespace
}  // namespace caracal::sim
