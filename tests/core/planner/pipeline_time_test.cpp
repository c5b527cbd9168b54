// Paths through a step: the longest one, and means of paths as bounds.
#include "core/planner/pipeline_time.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/planner/worst_paths.h"
#include "tests/support/layers.h"

namespace caracal::planner {
namespace {

PassTimes randomTimes(test::Random& random) {
  const auto ns = [&](int64_t least, int64_t most) { return test::pick(random, least, most); };
  PassTimes times{ns(1, 40), 0, ns(1, 80), ns(0, 30), ns(0, 30), ns(0, 20)};
  times.forwardFilledNs = times.forwardNs + ns(0, 20);
  return times;
}

// The same stage with other recomputation.
PassTimes changed(test::Random& random, PassTimes times) {
  times.forwardFilledNs = times.forwardNs + test::pick(random, 0, 20);
  times.backwardNs += test::pick(random, 0, 20);
  times.pipeNs = test::pick(random, 0, 30);
  times.pipeTailNs = test::pick(random, 0, 30);
  return times;
}

PipelineShape randomShape(test::Random& random) {
  return {static_cast<int32_t>(test::pick(random, 1, 9)), test::pick(random, 0, 15),
          test::pick(random, 0, 15)};
}

TEST(CriticalPath, isAsLongAsTheStepAndNoLongerWithOtherTimes) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const PipelineShape shape = randomShape(random);
    std::vector<PassTimes> stages, others;
    for (int64_t s = test::pick(random, 1, 5); s > 0; --s) {
      stages.push_back(randomTimes(random));
      others.push_back(changed(random, stages.back()));
    }
    const StepPath path = criticalPath(stages, shape);
    EXPECT_EQ(path.ns(stages), static_cast<double>(pipelineTimes(stages, shape).stepNs));
    EXPECT_LE(path.ns(others), static_cast<double>(pipelineTimes(others, shape).stepNs));
    if (testing::Test::HasFailure()) return;
  }
}

TEST(WorstPaths, boundEveryChoiceOfPlans) {
  double bounds = 0, paths = 0, steps = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const PipelineShape shape = randomShape(random);
    std::vector<std::vector<PassTimes>> plans(static_cast<size_t>(test::pick(random, 1, 4)));
    for (auto& ofStage : plans) {
      ofStage.push_back(randomTimes(random));
      while (ofStage.size() < 3) ofStage.push_back(changed(random, ofStage.front()));
    }
    // Every choice of one plan a stage, counted in base 3.
    int64_t least = std::numeric_limits<int64_t>::max();
    std::vector<PassTimes> fastest;
    for (size_t choice = 0, all = static_cast<size_t>(std::pow(3, plans.size())); choice < all;
         ++choice) {
      std::vector<PassTimes> times;
      for (size_t s = 0, digits = choice; s < plans.size(); ++s, digits /= 3)
        times.push_back(plans[s][digits % 3]);
      const int64_t stepNs = pipelineTimes(times, shape).stepNs;
      if (stepNs < least) fastest = times;
      least = std::min(least, stepNs);
    }
    const auto boundOf = [&](const StepPath& path) {
      double ns = path.transferNs;
      for (size_t s = 0; s < plans.size(); ++s) {
        ns += std::min({path.stages[s].ns(plans[s][0]), path.stages[s].ns(plans[s][1]),
                        path.stages[s].ns(plans[s][2])});
      }
      return ns;
    };
    const double bound = boundOf(worstPaths(plans, shape));
    EXPECT_LE(bound, static_cast<double>(least) * (1 + 1e-9));
    bounds += bound;
    paths += boundOf(criticalPath(fastest, shape));
    steps += static_cast<double>(least);
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(bounds, paths) << "a mean of paths bounds better than one of them";
  EXPECT_GT(bounds, 0.95 * steps);
}

}  // namespace
}  // namespace caracal::planner
