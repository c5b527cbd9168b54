// Random profiles and plans of every schedule, for tests of the simulator.
#pragma once

#include <utility>

#include "tests/support/layers.h"
#include "tests/support/schedules.h"

namespace caracal::sim {

struct Case {
  profile::Profile profile;
  plan::Plan plan;
};

inline Case randomCase(uint64_t seed) {
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
    if (seed % 3 == 0) test::addRegathers(random, kind);
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

}  // namespace caracal::sim
