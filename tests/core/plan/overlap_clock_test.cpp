#include "core/plan/overlap_clock.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/layers.h"

namespace caracal::plan {
namespace {

TEST(OverlapClock, workInsideTheWindowIsFree) {
  const Contention none;
  OverlapClock clock(10, none);
  clock.runOperator(4);
  clock.runOperator(5);
  EXPECT_EQ(clock.elapsedNs(), 9);
  EXPECT_EQ(clock.finish(), 10);
  EXPECT_EQ(clock.collectiveEndNs(), 10);
}

TEST(OverlapClock, workBeyondTheWindowIsExposed) {
  const Contention none;
  OverlapClock clock(10, none);
  clock.runOperator(25);
  EXPECT_EQ(clock.collectiveEndNs(), 10);
  EXPECT_EQ(clock.finish(), 25);
}

TEST(OverlapClock, aRepeatedCollectiveQueuesBehindTheWindowsOwn) {
  const Contention none;
  OverlapClock clock(10, none);
  clock.runOperator(4);
  EXPECT_EQ(clock.repeatCollective(7), 10);
  EXPECT_EQ(clock.collectiveEndNs(), 10);
  clock.runOperator(3);  // nothing to hide behind any more
  EXPECT_EQ(clock.finish(), 20);
}

TEST(OverlapClock, contentionStretchesBothSides) {
  const auto contention = Contention::of(2.0, 1.25);
  OverlapClock inside(100, contention);
  inside.runOperator(40);  // takes 80, in which the collective does 64
  EXPECT_EQ(inside.elapsedNs(), 80);
  EXPECT_EQ(inside.finish(), 116);

  OverlapClock beyond(100, contention);
  beyond.runOperator(100);  // 125 beside the collective do 62.5, the rest runs alone
  EXPECT_EQ(beyond.collectiveEndNs(), 125);
  EXPECT_NEAR(static_cast<double>(beyond.finish()), 162.5, 0.5);
}

// Both sides advanced in steps of 1/1000 ns: slow and obvious.
int64_t finishInSmallSteps(double collective, const std::vector<int64_t>& operators, double kappa,
                           double rho) {
  constexpr double kStep = 0.001;
  double time = 0;
  for (const int64_t alone : operators) {
    double left = static_cast<double>(alone);
    while (left > 0) {
      const bool beside = collective > 0;
      left -= beside ? kStep / kappa : kStep;
      collective -= kStep / rho;
      time += kStep;
    }
  }
  return std::llround(time + std::max(collective, 0.0));
}

TEST(OverlapClock, agreesWithSmallSteps) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const double kappa = 1.0 + static_cast<double>(test::pick(random, 0, 100)) / 100;
    const double rho = 1.0 + static_cast<double>(test::pick(random, 0, 100)) / 100;
    const auto contention = Contention::of(kappa, rho);
    const int64_t collective = test::pick(random, 1, 200);
    std::vector<int64_t> operators(static_cast<size_t>(test::pick(random, 1, 5)));
    for (int64_t& ns : operators) ns = test::pick(random, 1, 80);
    OverlapClock clock(collective, contention);
    int64_t before = 0;
    for (const int64_t ns : operators) {
      clock.runOperator(ns);
      EXPECT_GE(clock.elapsedNs(), before + ns);
      before = clock.elapsedNs();
    }
    const int64_t expected =
        finishInSmallSteps(static_cast<double>(collective), operators, kappa, rho);
    EXPECT_LE(std::abs(clock.finish() - expected), 2 + static_cast<int64_t>(operators.size()));
  }
}

}  // namespace
}  // namespace caracal::plan
